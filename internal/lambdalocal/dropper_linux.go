package lambdalocal

import (
	"fmt"
	"os/exec"
)

// dropper is the beginning of a command line whose rest runs without capabilities, and can never have any again: a
// function has none on Lambda, and where it is this process's own user it could undo its sandbox with them.
type dropper []string

// newDropper is for a user. Whoever is not root loses capabilities by each exec; root only with the bounding set.
func newDropper(uid int) (dropper, error) {
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotAllowed, err)
	}
	d := dropper{setpriv, "--no-new-privs", "--inh-caps=-all"}
	if uid == 0 {
		d = append(d, "--bounding-set=-all")
	}
	return append(d, "--"), nil
}

func (d dropper) wrap(cmd *exec.Cmd) {
	cmd.Args = append(append([]string{}, d...), cmd.Args...)
	cmd.Path = d[0]
}
