package wrapper

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"strings"
)

// bytecodeDir holds what Python makes of the hook before it runs it, an archive for each version of Python. In a layer, which is
// read-only, every cold start would make it anew, and that takes longer than all the rest of the hook's start.
// go test ./wrapper/python -run TestBytecode -update writes the archives.
const bytecodeDir = "python/bytecode"

// bytecode gives the files of the archives that were made from just these sources. An archive made from others is left out: the
// hook is slower to start without, and nothing else. A Python of another version ignores what is not for it.
func bytecode(sources []File) ([]File, error) {
	entries, err := files.ReadDir(bytecodeDir)
	if err != nil {
		return nil, fmt.Errorf("list bytecode: %w", err)
	}
	want := SumPython(sources)
	var found []File
	for _, entry := range entries {
		if path.Ext(entry.Name()) != ".zip" {
			continue
		}
		data, err := files.ReadFile(path.Join(bytecodeDir, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read bytecode: %w", err)
		}
		archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", entry.Name(), err)
		}
		if archive.Comment != want {
			continue
		}
		for _, member := range archive.File {
			data, err := readMember(member)
			if err != nil {
				return nil, fmt.Errorf("read %s of %s: %w", member.Name, entry.Name(), err)
			}
			found = append(found, File{Path: path.Join("python", member.Name), Data: data})
		}
	}
	return found, nil
}

func readMember(member *zip.File) ([]byte, error) {
	r, err := member.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// SumPython gives the sum over the Python hook's sources by which its bytecode is known to belong to them.
func SumPython(sources []File) string {
	sum := sha256.New()
	for _, file := range sources {
		if strings.HasPrefix(file.Path, "python/") && path.Ext(file.Path) == ".py" {
			fmt.Fprintf(sum, "%s %d\n", file.Path, len(file.Data))
			sum.Write(file.Data)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}
