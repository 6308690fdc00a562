package limit

import (
	"slices"

	"github.com/afterglow-lambda/afterglow/extension/internal/mask"
)

// nameBytes is the most of one name: of an error's type, a queue, an operation, a header. Longer than any that AWS allows but for ARNs with paths in them, and than
// what anybody calls a class.
const nameBytes = 512

// shortenNames shortens what is usually short, but is somebody's text all the same.
func shortenNames(inv *mask.Invocation, n int) {
	n = min(n, nameBytes)
	t, p := &inv.Trigger, &inv.Platform
	for _, name := range [...]*mask.Text{&inv.ID, &inv.ARN, &inv.Tenant, &t.Source, &t.Kind, &t.Name, &p.Status, &p.ErrorType} {
		shorten(name, n, &inv.Dropped)
	}
	if p.Report != nil {
		report := *p.Report
		shorten(&report.Status, n, &inv.Dropped)
		shorten(&report.ErrorType, n, &inv.Dropped)
		p.Report = &report
	}
	if p.Init != nil {
		init := *p.Init
		shorten(&init.Type, n, &inv.Dropped)
		shorten(&init.Phase, n, &inv.Dropped)
		p.Init = &init
	}
	if inv.Error != nil {
		shorten(&inv.Error.Type, n, &inv.Dropped)
	}
	inv.Links = shortenLinks(inv.Links, n, &inv.Dropped)
	for i := range inv.Calls {
		shortenNamesOfCall(&inv.Calls[i], n)
	}
}

func shortenNamesOfCall(c *mask.Call, n int) {
	n = min(n, nameBytes)
	t := &c.Target
	for _, name := range [...]*mask.Text{
		&c.ID, &c.Library, &c.Method, &c.Protocol, &c.Peer, &t.System, &t.Service, &t.Operation, &t.Resource, &t.Region, &t.RequestID, &t.Fault,
	} {
		shorten(name, n, &c.Dropped)
	}
	if c.Error != nil {
		shorten(&c.Error.Type, n, &c.Dropped)
	}
	for _, headers := range [...][]mask.Header{c.RequestHeaders, c.ResponseHeaders} {
		for i := range headers {
			shorten(&headers[i].Name, n, &c.Dropped)
		}
	}
	for i := range t.Messages {
		m := &t.Messages[i]
		shorten(&m.ID, n, &c.Dropped)
		shorten(&m.Destination, n, &c.Dropped)
		m.Attributes = shortened(m.Attributes, n, &c.Dropped)
	}
	c.Links = shortenLinks(c.Links, n, &c.Dropped)
}

// shortenLinks leaves what it was given as it is: mostly there is nothing to do, and there may be thousands.
func shortenLinks(links []mask.Link, n int, d *mask.Dropped) []mask.Link {
	cloned := false
	for i := range links {
		if !slices.ContainsFunc(links[i].Attributes, func(a mask.Attribute) bool { return a.Len() > n }) {
			continue
		}
		if !cloned {
			links, cloned = slices.Clone(links), true
		}
		links[i].Attributes = shortened(links[i].Attributes, n, d)
	}
	return links
}

// shortened gives attributes with at most n bytes in each, in memory of their own if one of them was longer.
func shortened(attributes []mask.Attribute, n int, d *mask.Dropped) []mask.Attribute {
	if !slices.ContainsFunc(attributes, func(a mask.Attribute) bool { return a.Len() > n }) {
		return attributes
	}
	attributes = slices.Clone(attributes)
	shortenAttributes(attributes, n, d)
	return attributes
}
