package lambdalocal

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// user is who the processes of an environment are.
type user struct {
	name     string
	uid, gid int
}

// lambdaUser is who runtime and extensions are on Lambda, all the same one, without a home (reference 5.7: public
// dumps; RIE-LMI supervisor).
func lambdaUser() user { return user{name: "sbx_user1051", uid: 993, gid: 990} }

func (u user) credential() *syscall.Credential {
	return &syscall.Credential{Uid: uint32(u.uid), Gid: uint32(u.gid)}
}

// files become /etc/passwd and /etc/group: this machine's own users are not Lambda's.
func (u user) files() map[string]string {
	return map[string]string{
		"/etc/passwd": fmt.Sprintf("root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"+
			"%s:x:%d:%d::/home/%s:/sbin/nologin\n", u.name, u.uid, u.gid, u.name),
		"/etc/group": fmt.Sprintf("root:x:0:\nnobody:x:65534:\n%s:x:%d:\n", u.name, u.gid),
	}
}

// cover plans the files of a user, where this machine has such files.
func (p *mountPlan) cover(u user, dir string) error {
	for path, content := range u.files() {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		source := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(source, []byte(content), 0o644); err != nil {
			return fmt.Errorf("make %s: %w", path, err)
		}
		if err := os.Chmod(source, 0o644); err != nil { // not subject to the umask
			return fmt.Errorf("make %s: %w", path, err)
		}
		p.add(coverFile, source, path)
	}
	return nil
}

// giveOutputs lets the user open its outputs anew, as a shell does for /dev/stderr: a pipe belongs to who made it.
func (u user) giveOutputs(files ...any) error {
	for _, f := range files {
		file, ok := f.(*os.File)
		if !ok || file == nil {
			continue
		}
		if err := file.Chown(u.uid, u.gid); err != nil {
			return fmt.Errorf("give output to %s: %w", u.name, err)
		}
	}
	return nil
}

// unreadableLimit bounds how many files are looked at: it must not take longer than the function's own start.
const unreadableLimit = 2000

// unreadable counts files below some folders that the function's user cannot read, and names the first. On Lambda
// it cannot either: an archive keeps the modes that a narrow umask gave to the files here.
func unreadable(dirs map[string]string) (n int, first string) {
	seen := 0
	for target, dir := range dirs {
		// What cannot be walked will say so itself when the function meets it.
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if seen++; err != nil || seen > unreadableLimit {
				return fs.SkipAll
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			need := fs.FileMode(0o004)
			if d.IsDir() {
				need = 0o005
			}
			if path == dir || d.Type()&fs.ModeSymlink != 0 || info.Mode().Perm()&need == need {
				return nil
			}
			if n++; first == "" {
				first = target + path[len(dir):]
			}
			return nil
		})
	}
	return n, first
}
