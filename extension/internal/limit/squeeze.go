package limit

import "github.com/afterglow-lambda/afterglow/extension/internal/mask"

// leastField is what is kept of every field in any case.
const leastField = 64

// squeeze makes an invocation fit of which nothing more can be left out: it shortens what is left, the longest texts first, and then leaves out attributes.
func squeeze(inv *mask.Invocation, budget int) {
	for n := budget / 2; n >= leastField/2 && size(inv) > budget; n /= 2 {
		n := max(n, leastField)
		shortenTexts(inv, n)
		for i := range inv.Calls {
			shortenTextsOfCall(&inv.Calls[i], n)
		}
		shortenNames(inv, n)
	}
	for i := range inv.Calls {
		c := &inv.Calls[i]
		dropLinks(&c.Links, size(inv)-budget, &c.Dropped)
		dropAttributes(&c.Target.Attributes, size(inv)-budget, &c.Dropped)
	}
	dropAttributes(&inv.Trigger.Attributes, size(inv)-budget, &inv.Dropped)
}

// squeezeCall does the same with one call.
func squeezeCall(c *mask.Call, budget int) {
	for n := budget / 2; n >= leastField/2 && callSize(c) > budget; n /= 2 {
		n := max(n, leastField)
		shortenTextsOfCall(c, n)
		shortenNamesOfCall(c, n)
	}
	dropLinks(&c.Links, callSize(c)-budget, &c.Dropped)
	dropAttributes(&c.Target.Attributes, callSize(c)-budget, &c.Dropped)
}

// dropAttributes leaves out attributes from the last one on, until so many bytes are gone.
func dropAttributes(attributes *[]mask.Attribute, surplus int, d *mask.Dropped) {
	for surplus > 0 && len(*attributes) > 0 {
		last := len(*attributes) - 1
		n := attributesSize((*attributes)[last:])
		surplus -= n
		d.Attributes++
		d.Bytes += int64(n)
		*attributes = (*attributes)[:last]
	}
}

// dropLinks leaves out links from the last one on, until so many bytes are gone.
func dropLinks(links *[]mask.Link, surplus int, d *mask.Dropped) (gone int) {
	for gone < surplus && len(*links) > 0 {
		last := len(*links) - 1
		gone += linksSize((*links)[last:])
		d.Links++
		*links = (*links)[:last]
	}
	return gone
}

// dropMessages leaves out messages of a batch from the last one on, until so many bytes are gone.
func dropMessages(c *mask.Call, surplus int) (gone int) {
	if !c.Target.Batch {
		return 0
	}
	for gone < surplus && len(c.Target.Messages) > 0 {
		last := len(c.Target.Messages) - 1
		gone += messageSize(&c.Target.Messages[last])
		c.Dropped.Messages++
		c.Target.Messages = c.Target.Messages[:last]
	}
	c.Dropped.Bytes += int64(gone)
	return gone
}
