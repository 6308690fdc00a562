package lambdalocal

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pathSandbox runs processes on the machine's own file system. What would be /opt, /var/task,
// /var/runtime, /var/lang and /tmp are other folders, and every variable and argument that names one of
// them is rewritten. Code that has such a path inside itself does not find it. Code and layers are copies,
// because nothing keeps a function from writing into them.
type pathSandbox struct {
	*limits
	why   string
	paths [][2]string // as the function would see it, and as it is
	run   *starter
	hold  *holder // ends what is left if this process is killed; nil where it cannot be found
}

func newPathSandbox(fn Function, opt Options, l layout, lim *limits, why string) (*pathSandbox, error) {
	if err := l.mergeLayers(fn.Layers); err != nil {
		return nil, err
	}
	task := filepath.Join(l.here, "var", "task")
	if err := os.MkdirAll(task, 0o755); err != nil {
		return nil, fmt.Errorf("make /var/task: %w", err)
	}
	if err := copyTree(fn.Code, task); err != nil {
		return nil, fmt.Errorf("copy code: %w", err)
	}
	s := &pathSandbox{limits: lim, why: why}
	for _, p := range [][2]string{
		{"/var/task", task}, {"/var/runtime", opt.Runtime.Dir}, {"/var/lang", opt.Runtime.Lang},
		{"/opt", l.opt}, {"/tmp", l.tmp},
	} {
		if p[1] == "" {
			continue
		}
		real, err := filepath.Abs(p[1])
		if err != nil {
			return nil, err
		}
		s.paths = append(s.paths, [2]string{p[0], real})
	}
	for link, to := range opt.Runtime.Links { // lookups that go up from /var/task find them
		if err := os.Symlink(s.translate(to), filepath.Join(l.here, link)); err != nil {
			return nil, fmt.Errorf("make link: %w", err)
		}
	}
	s.run = newStarter()
	var err error
	if s.hold, err = newHolder(s.run, lim); err != nil {
		s.run.stop()
		return nil, err
	}
	return s, nil
}

func (s *pathSandbox) start(cmd *exec.Cmd) error {
	for i, a := range cmd.Args {
		if option, value, ok := strings.Cut(a, "="); ok && strings.HasPrefix(a, "-") {
			cmd.Args[i] = option + "=" + s.translate(value)
			continue
		}
		cmd.Args[i] = s.translate(a)
	}
	for i, e := range cmd.Env {
		name, value, _ := strings.Cut(e, "=")
		cmd.Env[i] = name + "=" + s.translate(value)
	}
	cmd.Env = append(cmd.Env, "TMPDIR="+s.translate("/tmp"), "LAMBDA_LOCAL_OPT="+s.translate("/opt"))
	cmd.Path, cmd.Dir = s.translate(cmd.Path), s.translate(cmd.Dir)
	endWithParent(cmd.SysProcAttr)
	return s.limits.start(s.run, cmd)
}

// translate rewrites a path, or a list of paths.
func (s *pathSandbox) translate(value string) string {
	parts := strings.Split(value, ":")
	for i, part := range parts {
		for _, p := range s.paths {
			if part == p[0] || strings.HasPrefix(part, p[0]+"/") {
				parts[i] = p[1] + part[len(p[0]):]
				break
			}
		}
	}
	return strings.Join(parts, ":")
}

func (s *pathSandbox) strays(groups map[int]bool) []int {
	if found, ok := s.members(groups); ok {
		return found
	}
	return s.marked(groups)
}

func (s *pathSandbox) leftOut() string {
	daemons := ""
	if s.mark == 0 {
		daemons = "; what leaves its process group is neither frozen nor ended"
	}
	return "no private file system (" + s.why + "): /opt, /var/task, /var/runtime and /tmp are other folders, named by the environment variables, and writable; " +
		"it is no user of its own, /tmp has no limit, there is a /dev/shm; nobody knows sandbox.localdomain: a telemetry listener that binds it fails, one on 127.0.0.1 or on all addresses works" + daemons
}

func (s *pathSandbox) skeleton() []string { return nil }

func (s *pathSandbox) close() error {
	s.hold.stop()
	s.run.stop()
	return nil
}
