package lifecycle

import "time"

// A traffic remembers what a Moment is made of. Nothing of it takes a system call, but for a look at the spool now and then.
type traffic struct {
	recent  [recent]time.Time
	oldest  time.Time
	waiting int
	hold    time.Duration

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
}

// look tells whether it is time to look at the spool's size.
func (t *traffic) look() bool {
	return t.waiting >= firstLook && t.waiting&(t.waiting-1) == 0
}

// looked notes the spool's size.
func (t *traffic) looked(size int64) { t.size, t.sized = size, t.waiting }

// flushed notes that so many bytes of what waited were read. What is left, if anything, is as old as before.
func (t *traffic) flushed(bytes int64, all bool, hold time.Duration) {
	if t.waiting > 0 && bytes > 0 {
		// What is larger counts at once, what is smaller by and by.
		each := bytes / int64(t.waiting)
		t.each = max(each, (3*t.each+each)/4)
	}
	t.hold = hold
	t.size, t.sized = 0, 0
	if all {
		t.waiting = 0
		return
	}
	t.waiting = 1
}

// moment gives the present one.
func (t *traffic) moment(now time.Time, left time.Duration, due bool) Moment {
	return Moment{
		Now: now, Left: left, Due: due, Recent: t.recent, Oldest: t.oldest, Waiting: t.waiting, Hold: t.hold,
		Bytes: t.size + int64(t.waiting-t.sized)*t.each,
	}
}
