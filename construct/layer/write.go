package layer

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// epoch is the time of every file of a layer: the earliest that a zip can tell, and the one that CDK gives to what it zips itself.
var epoch = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// WriteZip writes the layer as a zip. Modes are those of the Layer on every platform: a zip made from files on disk would lose
// the exec bits on Windows, and with them the function.
func (l Layer) WriteZip(w io.Writer) error {
	archive := zip.NewWriter(w)
	archive.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.BestCompression)
	})
	for _, f := range l.Files {
		header := &zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: epoch}
		header.SetMode(f.Mode)
		entry, err := archive.CreateHeader(header)
		if err != nil {
			return fmt.Errorf("zip %s: %w", f.Name, err)
		}
		if _, err := entry.Write(f.Data); err != nil {
			return fmt.Errorf("zip %s: %w", f.Name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("zip layer: %w", err)
	}
	return nil
}

// WriteDir lays the layer out below dir.
func (l Layer) WriteDir(dir string) error {
	if dir == "" {
		return errors.New("lay out layer: no directory given")
	}
	// Hooks of an earlier build must not survive beside the new ones. Other extensions may, so only our own directory goes.
	if err := os.RemoveAll(filepath.Join(dir, wrapperDir)); err != nil {
		return fmt.Errorf("clear old hooks: %w", err)
	}
	directories := map[string]bool{}
	for _, f := range l.Files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("lay out layer: %w", err)
		}
		if err := replaceFile(name, f, epoch); err != nil {
			return fmt.Errorf("lay out %s: %w", f.Name, err)
		}
		for d := filepath.Dir(name); d != filepath.Clean(dir) && !directories[d]; d = filepath.Dir(d) {
			directories[d] = true
		}
	}
	for d := range directories {
		// MkdirAll's mode went through the umask; Lambda's user is not the owner.
		if err := errors.Join(os.Chmod(d, 0o755), os.Chtimes(d, epoch, epoch)); err != nil {
			return fmt.Errorf("lay out layer: %w", err)
		}
	}
	return nil
}

// replaceFile writes beside the file and renames, so that an extension that is still running from an earlier layout is no
// obstacle ("text file busy") and nobody sees half a file, or one of another time than modified.
func replaceFile(name string, f File, modified time.Time) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(name), ".afterglow-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(temporary.Name()) //nolint:errcheck // the first error is the one to tell
		}
	}()
	_, err = temporary.Write(f.Data)
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	if err = os.Chmod(temporary.Name(), f.Mode); err != nil {
		return err
	}
	if err = os.Chtimes(temporary.Name(), modified, modified); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), name)
}
