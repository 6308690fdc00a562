//go:build !linux

package lambdalocal

import (
	"context"
	"errors"
)

func (e *Environment) cutConnections() error { return nil }

// canCut has no answer but one.
func canCut(context.Context) error {
	return errors.New("only Linux can end a connection of another process")
}
