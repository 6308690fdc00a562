package lifecycle

import "time"

// A traffic remembers what a Moment is made of. Nothing of it takes a system call, but for a look at the spool now and then.
type traffic struct {
	recent  [recent]time.Time
	oldest  time.Time
	waiting int
	hold    time.Duration

	unread int           // of those that wait
	read   int64         // bytes that were made ready since the last flush
	share  time.Duration // that making one ready takes, as the last times have shown

	each  int64 // bytes of an invocation, as the last flushes have found them
	size  int64 // of the spool when it was last looked at
	sized int   // how many were waiting then
}

// firstLook at the spool's size is made when so many invocations wait, and another one each time that their number has doubled: a function that suddenly
// writes far more than before is found out, for five looks in the 256 invocations that may wait.
const firstLook = 8

// arrived notes that an invocation has begun.
func (t *traffic) arrived(now time.Time) {
	copy(t.recent[:], t.recent[1:])
	t.recent[recent-1] = now
	if t.waiting == 0 {
		t.oldest = now
	}
	t.waiting++
	t.unread++
}

// look tells whether it is time to look at the spool's size.
func (t *traffic) look() bool {
	return t.waiting >= firstLook && t.waiting&(t.waiting-1) == 0
}

// looked notes the spool's size.
func (t *traffic) looked(size int64) { t.size, t.sized = size, t.waiting }

// prepared notes that so many bytes of what waited were read, and nothing exported.
func (t *traffic) prepared(f flushed) {
	t.learn(f)
	t.read += f.bytes
}

// whole estimates what a request of all that waits comes to, if so many bytes of it were made ready: what is unread is taken to be like the rest.
func (t *traffic) whole(ready int64) int64 {
	if t.unread >= t.waiting {
		return ready
	}
	return ready + ready/int64(t.waiting-t.unread)*int64(t.unread)
}

// learn notes what it took to make ready what was unread. Where no hook writes there is nothing to prepare, and the end of an invocation is dear to wait for.
func (t *traffic) learn(f flushed) {
	each := f.took / time.Duration(max(1, t.unread))
	// What is longer counts at once, because the share of a core was used up; what is shorter, by and by.
	t.share = max(each, (7*t.share+each)/8)
	if f.bytes == 0 {
		t.share = 0
	}
	t.unread = 0
}

// flushed notes that so many bytes of what waited were read, and how long that held the function up. What is left, if anything, is as old as before.
func (t *traffic) flushed(f flushed, hold time.Duration) {
	t.learn(f)
	if bytes := t.read + f.bytes; t.waiting > 0 && bytes > 0 {
		// What is larger counts at once, what is smaller by and by.
		each := bytes / int64(t.waiting)
		t.each = max(each, (3*t.each+each)/4)
	}
	t.hold, t.read = hold, 0
	t.size, t.sized = 0, 0
	if f.all {
		t.waiting = 0
		return
	}
	t.waiting, t.unread = 1, 1
}

// moment gives the present one.
func (t *traffic) moment(now time.Time, left time.Duration, due bool) Moment {
	return Moment{
		Now: now, Left: left, Due: due, Recent: t.recent, Oldest: t.oldest, Waiting: t.waiting, Unread: t.unread, Hold: t.hold, Each: t.share,
		Bytes: t.size + int64(t.waiting-t.sized)*t.each,
	}
}
