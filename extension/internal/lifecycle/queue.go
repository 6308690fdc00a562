package lifecycle

import "slices"

// MaxQueueBytes bounds what is kept in memory of exports that failed: eight invocations at the default limit, a small part of
// the smallest function's memory. An outbox on disk will stand behind it.
const MaxQueueBytes = 4 << 20

// maxBatchBytes bounds one request where the settings do not. Collectors and what stands before them commonly take 4 MiB, some 1 MiB, before decompression.
const maxBatchBytes = 1 << 20

// A rendered invocation is ready to be sent: masked, limited, encoded.
type rendered struct {
	payload []byte // an ExportTraceServiceRequest; several behind each other make one
	spans   int
}

// A queue holds what is to be sent, oldest first.
type queue struct {
	items []rendered
	bytes int
}

// push adds an item and drops the oldest ones beyond the limit. It returns what it dropped.
func (q *queue) push(r rendered) (dropped []rendered) {
	q.items = append(q.items, r)
	q.bytes += len(r.payload)
	for q.bytes > MaxQueueBytes && len(q.items) > 1 {
		dropped = append(dropped, q.items[0])
		q.remove(0, 1)
	}
	return dropped
}

// batch joins the oldest items from one on, at most so many and so many bytes, to one payload; one alone may be larger. n is how many they are.
func (q *queue) batch(from, most, mostBytes int) (payload []byte, n int) {
	if mostBytes <= 0 {
		mostBytes = maxBatchBytes
	}
	items := q.items[from:]
	size := 0
	for n < len(items) && n < most && (n == 0 || size+len(items[n].payload) <= mostBytes) {
		size += len(items[n].payload)
		n++
	}
	if n == 1 {
		return items[0].payload, 1
	}
	payload = make([]byte, 0, size)
	for _, r := range items[:n] {
		payload = append(payload, r.payload...)
	}
	return payload, n
}

// remove removes n items from one on.
func (q *queue) remove(from, n int) {
	for _, r := range q.items[from : from+n] {
		q.bytes -= len(r.payload)
	}
	if from == 0 {
		clear(q.items[:n])
		q.items = q.items[n:]
	} else {
		q.items = slices.Delete(q.items, from, from+n)
	}
	if len(q.items) == 0 {
		q.items = nil
	}
}
