package deployed

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// unzip lays an archive out in a folder that is there. Files keep the modes that the archive
// has for them, as on Lambda: an extension without its exec bit does not start, there and here.
func unzip(archive io.ReaderAt, size int64, dir string) error {
	reader, err := zip.NewReader(archive, size)
	if err != nil {
		return fmt.Errorf("unzip: %w", err)
	}
	// os.Root refuses names that lead out of the folder, by .. or by a link that the archive brought.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unzip: %w", err)
	}
	defer root.Close() //nolint:errcheck // nothing is written through it
	mendInline(reader.File)
	left := int64(maxPackage)
	for _, entry := range reader.File {
		written, err := unzipEntry(root, entry, left)
		if err != nil {
			return fmt.Errorf("unzip %s: %w", entry.Name, err)
		}
		left -= written
	}
	return nil
}

// mendInline mends a difference between MiniStack and AWS: the file that is made of code in a template (ZipFile) can be
// read by everybody on AWS, and by its owner only at MiniStack. Nobody else packs one file of that name like that.
func mendInline(entries []*zip.File) {
	if len(entries) != 1 || !strings.HasPrefix(entries[0].Name, "index.") || entries[0].Mode().Perm() != 0o600 {
		return
	}
	entries[0].SetMode(0o644)
}

func unzipEntry(root *os.Root, entry *zip.File, left int64) (int64, error) {
	name := filepath.FromSlash(strings.TrimSuffix(entry.Name, "/"))
	if name == "" || name == "." {
		return 0, nil
	}
	if entry.FileInfo().IsDir() {
		return 0, makeFolder(root, name)
	}
	if parent := filepath.Dir(name); parent != "." {
		if err := makeFolder(root, parent); err != nil {
			return 0, err
		}
	}
	content, err := entry.Open()
	if err != nil {
		return 0, err
	}
	defer content.Close()
	limited := io.LimitReader(content, left+1)
	if entry.Mode()&fs.ModeSymlink != 0 {
		target, err := io.ReadAll(limited)
		if err != nil {
			return 0, err
		}
		return int64(len(target)), root.Symlink(string(target), name)
	}
	return writeFile(root, name, modeOf(entry), limited, left)
}

// makeFolder makes a folder and those above it, readable for everybody: functions run as a user of their own.
func makeFolder(root *os.Root, name string) error {
	if _, err := root.Stat(name); err == nil {
		return nil
	}
	if err := root.MkdirAll(name, 0o755); err != nil {
		return err
	}
	for ; name != "."; name = filepath.Dir(name) {
		if err := root.Chmod(name, 0o755); err != nil { // the umask has no say
			return err
		}
	}
	return nil
}

func writeFile(root *os.Root, name string, mode fs.FileMode, content io.Reader, left int64) (int64, error) {
	file, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return 0, err
	}
	written, err := io.Copy(file, content)
	if err == nil && written > left {
		err = fmt.Errorf("the package is more than %d MB unpacked", maxPackage>>20)
	}
	if err == nil {
		err = file.Chmod(mode) // the umask has no say
	}
	if closing := file.Close(); err == nil {
		err = closing
	}
	return written, err
}

// modeOf is the mode of a file. A zip made without Unix modes gives none; then Lambda's files can be read.
func modeOf(entry *zip.File) fs.FileMode {
	if mode := entry.Mode().Perm(); mode != 0 {
		return mode
	}
	return 0o644
}
