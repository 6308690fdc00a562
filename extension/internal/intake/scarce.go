package intake

import (
	"errors"
	"os"
	"syscall"
)

// A reserve is a descriptor for when there are no others.
type reserve struct {
	wanted, held bool
	fd           int
}

// isPassing tells whether an error is due to what everybody in the environment shares, and not to the file: all of Lambda's 1,024 descriptors are in use
// (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), or there is no memory. The file is as good as ever then, and can be read once there is room again.
func isPassing(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

// Reserve takes a descriptor, so that there is one when there are no others: everything else that needs one can wait, or fails and is counted, but what is in the
// spool is told to nobody before it is read. It is kept for the life of the process.
func (in *Intake) Reserve() {
	in.spare.wanted = true
	in.spare.take()
}

func (r *reserve) take() {
	if !r.wanted || r.held {
		return
	}
	fd, err := syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	r.held, r.fd = err == nil, fd
}

// spared reads something, in the place of the reserve if need be, and has it back before somebody else takes it.
func (in *Intake) spared(read func() error) error {
	err := read()
	if isPassing(err) && in.spare.held {
		_ = syscall.Close(in.spare.fd) // nothing was written to it
		in.spare.held = false
		err = read()
	}
	in.spare.take()
	return err
}
