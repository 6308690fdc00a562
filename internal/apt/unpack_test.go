package apt

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestUnpack runs against an apt-get that notes what it is asked, in a folder of packages that are their names.
func TestUnpack(t *testing.T) {
	if _, err := os.Stat(keyring); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("NOT TESTED: %v", err)
	}
	const (
		debian   = `echo 'Ubuntu Ubuntu http://u/'; echo 'Debian Debian-Security http://s/'; echo 'Debian Debian http://d/debian/'`
		download = `shift; for p; do case $p in ruby*|lib*) echo "$p" > "${p}_1.deb";; esac; done`
	)
	tests := []struct {
		name, repositories, update, download, extract string
		wantErr                                       string
		want                                          []string // in the folder
		wantSource                                    string
	}{
		{"packages", debian, "", download, "", "", []string{"libc6_1.deb", "ruby3.3_1.deb"}, "http://d/debian/ trixie main"},
		{"before apt has any lists", `echo '  http://s/debian-security/'; echo '  http://d/debian'`, "", download, "", "", []string{"libc6_1.deb", "ruby3.3_1.deb"}, "http://d/debian trixie main"},
		{"a kin of Debian's", `echo 'Ubuntu Ubuntu http://u/ubuntu/'`, "", download, "", ErrNoDebian.Error(), nil, ""},
		{"no such release", debian, "echo 404 >&2; exit 100", download, "", "update lists of trixie", nil, ""},
		{"no such package", debian, "", "echo unable to locate >&2; exit 100", "", "unable to locate", nil, ""},
		{"a package did not come", debian, "", "echo x > one.deb", "", "there are 1 files", nil, ""},
		{"the disk is full", debian, "", download, "echo full >&2; exit 2", "full", nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tools, into := t.TempDir(), t.TempDir()
			t.Setenv("PATH", tools+":"+os.Getenv("PATH"))
			t.Setenv("DIR", tools)
			tool(t, tools, "apt-get", `for a; do case $a in Dir::Etc::sourcelist=*) cp "${a#*=}" "$DIR/sources";; esac; done
while [ "$1" = -o ]; do shift 2; done
case $1 in
indextargets) `+test.repositories+`;;
update) `+test.update+` ;;
download) `+test.download+`;;
esac`)
			tool(t, tools, "dpkg-deb", `cp "$2" "$3/" || exit 1; `+test.extract)
			err := Unpack(t.Context(), "trixie", into, "ruby3.3", "libc6")
			if (err != nil) != (test.wantErr != "") || err != nil && !strings.Contains(err.Error(), test.wantErr) {
				t.Fatalf("got %v, want %q", err, test.wantErr)
			}
			if test.wantErr == ErrNoDebian.Error() && !errors.Is(err, ErrNoDebian) {
				t.Errorf("%v is not ErrNoDebian", err)
			}
			if source, _ := os.ReadFile(filepath.Join(tools, "sources")); !strings.Contains(string(source), test.wantSource) {
				t.Errorf("packages are from %q, want %q", source, test.wantSource)
			}
			var got []string
			entries, err := os.ReadDir(into)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				got = append(got, e.Name())
			}
			if test.wantErr == "" && !slices.Equal(got, test.want) || slices.ContainsFunc(got, func(n string) bool { return strings.HasPrefix(n, ".") }) {
				t.Errorf("in the folder are %q, want %q", got, test.want)
			}
		})
	}
}

// TestUnpackNeedsTools: without Debian's tools it says so, which is no failure of anything.
func TestUnpackNeedsTools(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if err := Unpack(t.Context(), "trixie", t.TempDir(), "ruby3.3"); !errors.Is(err, ErrNoDebian) {
		t.Errorf("got %v, want %v", err, ErrNoDebian)
	}
}

func tool(t *testing.T, dir, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}
