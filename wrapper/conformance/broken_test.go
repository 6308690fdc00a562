package conformance

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// broken tells a story once for each file of the language's hook with that file broken, and compares each to the run without Afterglow.
func (w *world) broken(outer, t *testing.T, s story, plain telling) (wrong []string) {
	t.Helper()
	whole := w.hooked
	defer func() { w.hooked = whole }()
	for _, file := range w.hookFiles(t) {
		if s.Break != "missing" && slices.Contains(w.actor.asleep, file) {
			continue
		}
		t.Run(file, func(t *testing.T) {
			w.hooked = t.TempDir()
			if err := os.CopyFS(w.hooked, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			spoil(t, filepath.Join(w.hooked, "afterglow", filepath.FromSlash(file)), s.Break)
			fault := s.fault(w.actor.language, w.rt.Name, file)
			judge(t, fault, w.patiently(outer, t, s, "", fault, plain))
		})
	}
	return nil
}

// hookFiles lists the files of the language's hook as they are in the layer. What Python made of one is broken with it.
func (w *world) hookFiles(t *testing.T) (files []string) {
	t.Helper()
	root := filepath.Join(w.hooked, "afterglow")
	err := filepath.WalkDir(filepath.Join(root, w.actor.language), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && filepath.Base(filepath.Dir(path)) != bytecode {
			file, err := filepath.Rel(root, path)
			files = append(files, filepath.ToSlash(file))
			return err //nolint:wrapcheck // told below
		}
		return err
	})
	if os.IsNotExist(err) {
		t.Skip("not applicable: no hook of this language is in the layer")
	}
	if err != nil {
		t.Fatal(err)
	}
	return files
}

const bytecode = "__pycache__"

// spoil breaks a file, and what Python made of it.
func spoil(t *testing.T, path, how string) {
	t.Helper()
	made, err := filepath.Glob(filepath.Join(filepath.Dir(path), bytecode, strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))+".*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(made, path) {
		spoilOne(t, file, how)
	}
}

func spoilOne(t *testing.T, path, how string) {
	t.Helper()
	var err error
	switch how {
	case "unreadable":
		err = os.Chmod(path, 0)
	case "missing":
		err = os.Remove(path)
	case "cut":
		var info os.FileInfo
		if info, err = os.Stat(path); err == nil {
			err = os.Truncate(path, info.Size()/2)
		}
	case "empty":
		err = os.WriteFile(path, nil, 0o644)
	case "garbled":
		err = os.WriteFile(path, []byte("\x00(]} nothing that anybody could read"), 0o644)
	default:
		t.Fatalf("no such way to break a file: %q", how)
	}
	if err != nil {
		t.Fatal(err)
	}
}
