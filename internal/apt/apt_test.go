package apt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstall runs against an apt-get that notes what it is asked.
func TestInstall(t *testing.T) {
	const simulated, installed = "install -y --no-upgrade maven --simulate|", "install -y --no-upgrade maven -o DPkg::Lock::Timeout=300|"
	tests := []struct {
		name, script, wantErr, wantRun string
	}{
		{"what is missing", `echo 'Inst maven (3.8 Debian [all])'`, "", simulated + installed},
		{"an upgrade", `echo 'Inst maven (3.8 Debian [all])'; echo 'Inst libc6 [2.36-9] (2.36-10 Debian [amd64])'`, "upgrade or remove libc6", simulated},
		{"a removal", `echo 'Remv mawk [1.3]'`, "upgrade or remove mawk", simulated},
		{"no package lists yet", `case $1 in update) : >"$DIR/known";; *) [ -e "$DIR/known" ];; esac`, "", simulated + "update|" + simulated + installed},
		{"no network", `echo no network >&2; exit 100`, "no network", simulated + "update|"},
		{"it fails", `case $* in *--simulate) ;; *) echo full >&2; exit 100;; esac`, "full", simulated + installed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("PATH", dir)
			t.Setenv("DIR", dir)
			if err := os.WriteFile(filepath.Join(dir, "apt-get"), []byte("#!/bin/sh\nprintf '%s|' \"$*\" >> \"$DIR/asked\"\n"+test.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			err := Install(t.Context(), "maven")
			if (err != nil) != (test.wantErr != "") || err != nil && !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("got %v, want %q", err, test.wantErr)
			}
			if asked, _ := os.ReadFile(filepath.Join(dir, "asked")); string(asked) != test.wantRun {
				t.Errorf("apt-get was asked %q, want %q", asked, test.wantRun)
			}
		})
	}
}
