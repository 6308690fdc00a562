package runtimes

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
)

// rubyFiles are our client, which has the names of AWS's gem, and index.rb, which starts either.
//
//go:embed clients/ruby
var rubyFiles embed.FS

// rubyGem is AWS's runtime client. It is used wherever an interpreter has it; it cannot be pinned here.
const rubyGem = "aws_lambda_ric"

// rubyVersions are Lambda's, and 3.1, which Debian has.
func rubyVersions() []string { return []string{"3.1", "3.2", "3.3", "3.4", "4.0"} }

// ruby is an interpreter of this machine.
type ruby struct {
	version string // "3.4"
	full    string // "3.4.1"
	api     string // "3.4.0", the name of its folders for gems
	prefix  string // the folder whose bin has it
	gem     string // the folder of AWS's client; "" if there is none
}

func findRuby(ctx context.Context, version string, opt Options) (Runtime, error) {
	if !slices.Contains(rubyVersions(), version) {
		return Runtime{}, noSuchVersion(familyRuby, "Ruby", version, rubyVersions())
	}
	in, err := newInstaller(opt)
	if err != nil {
		return Runtime{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, installLimit)
	defer cancel()
	found := locateRubies(ctx)
	if len(found) == 0 && in.installsPackages() { // then Debian's is better than none: Nearest will take it
		if err := in.needTools(ctx, []tool{{program: "ruby"}}); err != nil {
			return Runtime{}, err
		}
		found = locateRubies(ctx)
	}
	r, ok := found[version]
	if !ok {
		if r, ok, err = in.debianRuby(ctx, version); err != nil {
			return Runtime{}, err
		}
	}
	if !ok {
		return Runtime{}, fmt.Errorf("interpreter of Ruby %s: %w; install with: %s", version, ErrMissing, rubyCommand(version))
	}
	name := join(familyRuby, version)
	stamp, err := rubyStamp(r)
	if err != nil {
		return Runtime{}, err
	}
	dir, err := in.ensure(ctx, name, stamp, func(_ context.Context, tmp string) error {
		if r.gem == "" {
			in.say("AWS's Ruby client is not on this machine (gem install %s brings it): using a client of our own", rubyGem)
		}
		return placeRubyClient(r, filepath.Join(tmp, "runtime"))
	})
	if err != nil {
		return Runtime{}, err
	}
	return Runtime{
		Name:    name,
		Command: []string{"/var/lang/bin/ruby", "/var/runtime/index.rb"},
		Script:  rubyScript,
		Dir:     filepath.Join(dir, "runtime"),
		Lang:    r.prefix,
		Env:     map[string]string{"GEM_HOME": "/var/runtime", "GEM_PATH": gemPath(r.api)},
	}, nil
}

// rubyCommand installs a Ruby of this version. Of Debian and its kin, and of Fedora, each release has one version, which need not be this one.
func rubyCommand(version string) string {
	if runtime.GOOS == "darwin" {
		return "brew install ruby@" + version + " (and put its bin on the PATH), or rbenv install " + version
	}
	return "rbenv install " + version + " (or another version manager)"
}

// gemPath is where Lambda looks for gems: the function's bundle, the layers (LAYP), the runtime's own. It is
// what public dumps of the environment of ruby3.2 show.
func gemPath(api string) string {
	return "/var/task/vendor/bundle/ruby/" + api + ":/opt/ruby/gems/" + api + ":/var/runtime:/var/runtime/ruby/" + api
}

// rubyStandIn is the environment for a function that was packed for another version than it runs on: its
// bundle and its layers have their gems in folders named after that version. Those without native parts work.
func rubyStandIn(env map[string]string, packedFor string) map[string]string {
	out := maps.Clone(env)
	out["GEM_PATH"] = gemPath(packedFor+".0") + ":" + env["GEM_PATH"]
	return out
}

// rubyScript puts the function's and the layers' code on the load path. Unlike other variables, RUBYLIB of a
// function's configuration does not replace what Lambda sets, it is appended, instead of the layers' folder
// (as public copies of the bootstrap do).
const rubyScript = `
export RUBYLIB="$LAMBDA_TASK_ROOT:$LAMBDA_RUNTIME_DIR/lib:${RUBYLIB:-${LAMBDA_LOCAL_OPT:-/opt}/ruby/lib}"
`

// rubyStamp is everything that an installation depends on.
func rubyStamp(r ruby) (string, error) {
	parts := []string{"interpreter " + r.full + " " + r.prefix, "gem " + r.gem}
	err := fs.WalkDir(rubyFiles, "clients/ruby", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := rubyFiles.ReadFile(path)
		parts = append(parts, path, string(b))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read client: %w", err)
	}
	return strings.Join(parts, "\n"), nil
}

// placeRubyClient makes what becomes /var/runtime: index.rb, and the client where the managed runtime has
// it, below gems. The path shows in stack traces.
func placeRubyClient(r ruby, dir string) error {
	client, err := fs.Sub(rubyFiles, "clients/ruby")
	if err != nil {
		return fmt.Errorf("read client: %w", err)
	}
	if r.gem != "" {
		if err := os.CopyFS(filepath.Join(dir, "gems", filepath.Base(r.gem)), os.DirFS(r.gem)); err != nil {
			return fmt.Errorf("copy AWS's Ruby client: %w", err)
		}
	} else {
		lib, err := fs.Sub(client, "lib")
		if err != nil {
			return fmt.Errorf("read client: %w", err)
		}
		if err := os.CopyFS(filepath.Join(dir, "gems", rubyGem+"-afterglow", "lib"), lib); err != nil {
			return fmt.Errorf("write client: %w", err)
		}
	}
	index, err := fs.ReadFile(client, "index.rb")
	if err != nil {
		return fmt.Errorf("read client: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.rb"), index, 0o644); err != nil {
		return fmt.Errorf("write client: %w", err)
	}
	return nil
}

// locateRubies finds the interpreters of this machine by version: on the PATH first, then those of version
// managers, newest first, then the system's.
func locateRubies(ctx context.Context) map[string]ruby {
	var candidates []string
	if p, err := exec.LookPath("ruby"); err == nil {
		candidates = append(candidates, p)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/nonexistent"
	}
	rbenv := os.Getenv("RBENV_ROOT")
	if rbenv == "" {
		rbenv = filepath.Join(home, ".rbenv")
	}
	for _, pattern := range []string{
		filepath.Join(rbenv, "versions", "*"),
		filepath.Join(home, ".rubies", "*"),
		filepath.Join(home, ".rvm", "rubies", "ruby-*"),
		filepath.Join(home, ".asdf", "installs", "ruby", "*"),
		filepath.Join(home, ".local", "share", "mise", "installs", "ruby", "*"),
	} {
		matches, err := filepath.Glob(filepath.Join(pattern, "bin", "ruby"))
		if err != nil {
			continue // a home with a bracket in its name; the PATH was looked at
		}
		sort.Sort(sort.Reverse(sort.StringSlice(matches)))
		candidates = append(candidates, matches...)
	}
	found := map[string]ruby{}
	for _, c := range candidates {
		r, ok := askRuby(ctx, c)
		if _, have := found[r.version]; ok && !have {
			found[r.version] = r
		}
	}
	return found
}

// askRuby asks a program what it is: it may be a version manager's shim. No option of the user's shell
// may be in the way.
func askRuby(ctx context.Context, path string) (ruby, bool) {
	const question = `
gem = Gem::Specification.find_all_by_name("` + rubyGem + `").max_by(&:version)
puts RUBY_VERSION, RbConfig::CONFIG["ruby_version"], RbConfig::CONFIG["prefix"], gem&.full_gem_path.to_s`
	cmd := exec.CommandContext(ctx, path, "-e", question)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "RUBY") })
	out, err := cmd.Output()
	if err != nil {
		return ruby{}, false
	}
	lines := strings.Split(string(out), "\n")
	if len(lines) < 4 {
		return ruby{}, false
	}
	r := ruby{full: lines[0], api: lines[1], prefix: lines[2], gem: lines[3]}
	if n := strings.LastIndexByte(r.full, '.'); n > 0 {
		r.version = r.full[:n]
	}
	info, err := os.Stat(filepath.Join(r.prefix, "bin", "ruby"))
	return r, err == nil && info.Mode().IsRegular()
}

// rubiesHere are the known versions that this machine has.
func rubiesHere(ctx context.Context) []string {
	found := locateRubies(ctx)
	return slices.DeleteFunc(rubyVersions(), func(v string) bool { _, ok := found[v]; return !ok })
}
