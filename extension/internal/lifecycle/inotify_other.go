//go:build !linux

package lifecycle

import (
	"context"
	"errors"
	"time"
)

// A notifier is not to be had outside Linux, where only tests run: Watch polls there.
type notifier struct{}

func newNotifier(string) (*notifier, error) {
	return nil, errors.New("watch spool: only on linux")
}

func (*notifier) alive() bool { return false }

func (*notifier) close() {}

func (*notifier) drain(func(string)) bool { return false }

func (*notifier) wait(context.Context, time.Time, func(string)) error {
	return errors.ErrUnsupported
}
