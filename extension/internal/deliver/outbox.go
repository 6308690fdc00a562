package deliver

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

const (
	// mostFiles of the outbox, and mostEntries of its directory that are looked at, whatever they are.
	mostFiles   = 1024
	mostEntries = 10_000
	// block is what a file takes of the disk at least, and in steps of: ext4's.
	block = 4 << 10
	// gone is what a file holds that could not be removed. Nothing else that is written here is as short.
	gone = "-"
	// mostPayload bounds what is believed to be one request: twice the most that AFTERGLOW_LIMIT_BATCH_BYTES can be.
	mostPayload = 16 << 20
)

// An item is what one exporter lacks: a request, in memory or in a file of the outbox.
type item struct {
	head
	payload  []byte // nil: only in the file
	name     string // of the file; "": there is none
	size     int64  // of the file, in blocks
	changed  bool   // payload is less than the file holds
	doubtful bool   // it was sent, and nobody heard the answer; the file's name tells the next process
	// recorded and carried are the Batch's, until it is in a file.
	recorded bool
	carried  []event.Loss
}

// isAlone tells whether it ends with this process.
func (it *item) isAlone() bool { return it.name == "" && !it.recorded }

// An outbox is a directory of files, private to the user that function and extension run as. Whatever is wrong with it is an error for the caller, who
// keeps things in memory then. It does not sync: files need to outlive the process, not the machine.
type outbox struct {
	dir string
}

// open lists what is in the directory, oldest first, and removes what an earlier life left half-written. Nothing there is nothing to be told of.
func (o outbox) open() ([]*item, error) {
	switch err := o.check(); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	names, err := o.names()
	var items []*item
	for _, name := range names {
		if strings.HasSuffix(name, tempSuffix) {
			_ = os.Remove(o.path(name)) // if it stays, it is in nobody's way
			continue
		}
		h, _, doubtful, ok := parseFileName(name)
		if !ok {
			continue
		}
		info, err := os.Lstat(o.path(name))
		if err != nil || !info.Mode().IsRegular() || !isOurs(info) || info.Size() == int64(len(gone)) {
			continue // a link, a pipe, a directory, somebody else's: nothing that was written here; or what remove left
		}
		it := &item{head: h, name: name, size: blocks(info.Size()), doubtful: doubtful}
		o.count(it)
		items = append(items, it)
	}
	slices.SortFunc(items, func(a, b *item) int { return strings.Compare(a.name, b.name) })
	return items, err
}

func (o outbox) path(name string) string { return filepath.Join(o.dir, name) }

// check looks whether the directory is one, and nobody else's.
func (o outbox) check() error {
	info, err := os.Lstat(o.dir)
	switch {
	case err != nil:
		return fmt.Errorf("look at outbox: %w", err)
	case !info.IsDir():
		return fmt.Errorf("look at outbox: %s is not a directory", o.dir)
	case !isOurs(info):
		return fmt.Errorf("look at outbox: %s belongs to another user", o.dir)
	case info.Mode().Perm()&0o077 != 0:
		if err := os.Chmod(o.dir, 0o700); err != nil { //nolint:gosec // a directory without x is of no use
			return fmt.Errorf("close outbox to others: %w", err)
		}
	}
	return nil
}

func isOurs(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid()
}

func (o outbox) names() (names []string, err error) {
	d, err := os.Open(o.dir)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	defer d.Close()
	for len(names) < mostEntries {
		some, err := d.Readdirnames(256)
		names = append(names, some...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return names, fmt.Errorf("read outbox: %w", err)
		}
	}
	return names, nil
}

// write puts an item's payload into a file, under its name if it has one. Nobody ever sees half of it. n counts the files of the process, which puts
// those of one moment in order.
func (o outbox) write(it *item, n int) error {
	name := it.name
	if name == "" {
		name = fileName(it.head, random(n), it.doubtful)
	}
	b := appendFile(make([]byte, 0, longestHead+len(it.payload)), it.head, it.payload)
	if err := o.put(name, b); err != nil {
		return err
	}
	it.name, it.size, it.payload, it.changed = name, blocks(int64(len(b))), nil, false
	it.recorded, it.carried = false, nil
	return nil
}

// random is the part of a name that no other file has.
func random(n int) string { return fmt.Sprintf("%06d%s", n, rand.Text()[:8]) }

// mark has the name of an item's file tell how many records it has, and whether it is doubtful. Where that cannot be, what goes with it in the next life may
// arrive twice as well.
func (o outbox) mark(it *item) {
	_, random, _, ok := parseFileName(it.name)
	if !ok {
		return // it has none
	}
	name := fileName(it.head, random, it.doubtful)
	if name == it.name || os.Rename(o.path(it.name), o.path(name)) != nil {
		return
	}
	it.name = name
}

// put writes a file, whole or not at all. A directory that is gone is made anew.
func (o outbox) put(name string, b []byte) error {
	err := o.try(name, b)
	if errors.Is(err, fs.ErrNotExist) {
		if made := os.Mkdir(o.dir, 0o700); made != nil {
			return fmt.Errorf("make outbox: %w", made)
		}
		err = o.try(name, b)
	}
	return err
}

func (o outbox) try(name string, b []byte) error {
	if err := o.check(); err != nil {
		return err
	}
	temp := o.path(name + tempSuffix)
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("write to outbox: %w", err)
	}
	_, err = f.Write(b)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp, o.path(name))
	}
	if err != nil {
		_ = os.Remove(temp) // what cannot be removed now is when the next process opens the outbox
		return fmt.Errorf("write to outbox: %w", err)
	}
	return nil
}

// count reads how many records an item has if its file's name does not tell.
func (o outbox) count(it *item) {
	if it.records > 0 {
		return
	}
	f, err := o.regular(it.name)
	if err != nil {
		return
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, longestHead)) // what there is
	h, _, _ := parseFile(b)                            // damaged, since it is cut; the first line is not
	it.records = h.records
}

// load reads an item's payload. Its number of records is that of the first line then: the name has another one if the process was killed between changing the
// two.
func (o outbox) load(it *item) error {
	if it.payload != nil || it.name == "" {
		return nil
	}
	b, err := o.get(it.name, mostPayload+longestHead)
	if err != nil {
		return err
	}
	h, payload, err := parseFile(b)
	if err == nil && (h.exporter != it.exporter || h.signal != it.signal) {
		err = errDamaged
	}
	if err != nil {
		return err
	}
	it.payload = payload
	if h.records > 0 {
		it.records = h.records
	}
	return nil
}

// get reads a file of no more than so many bytes.
func (o outbox) get(name string, most int64) ([]byte, error) {
	f, err := o.regular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("read from outbox: %w", err)
	}
	if int64(len(b)) > most {
		return nil, errDamaged
	}
	return b, nil
}

// regular opens a file that is one, and waits for nothing.
func (o outbox) regular(name string) (*os.File, error) {
	f, err := os.OpenFile(o.path(name), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("read from outbox: %w", err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errDamaged
	}
	return f, nil
}

// remove forgets an item's file.
func (o outbox) remove(it *item) {
	if path := o.path(it.name); it.name != "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			_ = os.WriteFile(path, []byte(gone), 0o600) // in a directory that cannot be written to: the next life would send it again
		}
	}
	it.name, it.size, it.changed = "", 0, false
}

func blocks(size int64) int64 { return (size + block - 1) / block * block }
