package runtimes

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A Ruby that was unpacked from Debian's packages is a whole one: it has its own libraries, what is compiled included, and starts itself again.
func TestRubyOfDebian(t *testing.T) {
	rt := here(t, "ruby3.3")
	if _, err := os.Stat(filepath.Join(rt.Lang, "usr", "bin", "ruby3.3")); err != nil {
		t.Skipf("this machine has a Ruby 3.3 of its own: %s", rt.Lang)
	}
	const program = `require "json"; require "openssl"; require "psych"; require "zlib"; require "socket"; require "net/http"
puts RUBY_VERSION, OpenSSL::Digest::SHA256.hexdigest("a")[0, 8], JSON.generate([1]), Zlib.crc32("a"), ENV["RUBYLIB"].start_with?("/mine:"), $LOAD_PATH.first`
	cmd := exec.CommandContext(t.Context(), filepath.Join(rt.Lang, "bin", "ruby"), "-e", program)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "RUBYLIB=/mine"}
	out, err := cmd.CombinedOutput()
	if got := strings.Split(string(out), "\n"); err != nil || !strings.HasPrefix(got[0], "3.3.") || strings.Join(got[1:6], " ") != "ca978112 [1] 3904355907 true /mine" {
		t.Errorf("%v\n%s", err, out)
	}
}

// Where there is nothing to unpack, it is no error: the runtime is missing, as any other.
func TestRubyOfDebianForOthers(t *testing.T) {
	in, err := newInstaller(Options{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if r, ok, err := in.debianRuby(t.Context(), "3.4"); ok || err != nil {
		t.Errorf("got %+v %v %v", r, ok, err)
	}
	t.Setenv("PATH", t.TempDir())
	if r, ok, err := in.debianRuby(t.Context(), "3.3"); ok || err != nil {
		t.Errorf("on %s without Debian's tools: got %+v %v %v", runtime.GOOS, r, ok, err)
	}
}
