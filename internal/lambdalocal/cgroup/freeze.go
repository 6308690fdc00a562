package cgroup

import (
	"errors"
	"fmt"
	"time"
)

// ErrNoFreezer says that this machine's groups cannot be frozen: stop the processes by signals.
var ErrNoFreezer = errors.New("no freezer")

// freezeLimit bounds the wait until every process of a group stands still. One that is inside the kernel, in a read
// from a slow disk say, does so only when it comes out; then it does so without anybody waiting for it.
const freezeLimit = time.Second

// Freeze stops all processes of the group and returns when they stand still.
//
// Only version 2 does this, which a machine with version 1 may have beside it. The freezer of version 1 is not made
// use of: what it has frozen cannot be killed before it is thawed, so that processes would survive if this one
// was killed. Version 2's are killed like others.
func (g *Group) Freeze() error {
	if g.unified.version == 0 {
		return ErrNoFreezer
	}
	if err := g.unified.write("cgroup.freeze", 1); err != nil {
		return fmt.Errorf("%w: %w", ErrNoFreezer, err)
	}
	for end := time.Now().Add(freezeLimit); time.Now().Before(end); time.Sleep(retryEvery / 10) {
		frozen, err := g.unified.field("cgroup.events", "frozen")
		if err != nil {
			return fmt.Errorf("freeze group: %w", err)
		}
		if frozen == 1 {
			break
		}
	}
	return nil
}

// Thaw lets them go on.
func (g *Group) Thaw() error {
	if g.unified.version == 0 {
		return ErrNoFreezer
	}
	if err := g.unified.write("cgroup.freeze", 0); err != nil {
		return fmt.Errorf("thaw group: %w", err)
	}
	return nil
}
