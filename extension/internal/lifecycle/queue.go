package lifecycle

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
		q.pop(1)
	}
	return dropped
}

// batch joins the oldest items, at most so many and so many bytes, to one payload; one alone may be larger. n is how many they are.
func (q *queue) batch(most, mostBytes int) (payload []byte, n int) {
	if mostBytes <= 0 {
		mostBytes = maxBatchBytes
	}
	size := 0
	for n < len(q.items) && n < most && (n == 0 || size+len(q.items[n].payload) <= mostBytes) {
		size += len(q.items[n].payload)
		n++
	}
	if n == 1 {
		return q.items[0].payload, 1
	}
	payload = make([]byte, 0, size)
	for _, r := range q.items[:n] {
		payload = append(payload, r.payload...)
	}
	return payload, n
}

// pop removes the n oldest items.
func (q *queue) pop(n int) {
	for i := range q.items[:n] {
		q.bytes -= len(q.items[i].payload)
		q.items[i] = rendered{}
	}
	q.items = q.items[n:]
	if len(q.items) == 0 {
		q.items = nil
	}
}
