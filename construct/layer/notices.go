package layer

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// What of others is in the extension, for whoever has to list it, and because their licences ask for it.
const (
	noticesFile = "THIRD-PARTY-NOTICES"
	sbomFile    = "sbom.spdx.json"
)

// What begins a module in the notices, and each of its texts.
const (
	moduleHead = "\n==> "
	textHead   = "\n--> "
)

// notices gives the licences of the modules that the extension is compiled from, as these tell them.
func (t toolchain) notices(ctx context.Context, source moduleSource, goarch string) ([]byte, error) {
	env := append(slices.Clone(t.env), "GOARCH="+goarch)
	out, err := goCommand(ctx, source.dir, env, "list", "-mod=readonly", "-tags=nethttpomithttp2", "-deps",
		"-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}\t{{$.ImportPath}}{{end}}{{end}}", "./"+extensionPath)
	if err != nil {
		return nil, fmt.Errorf("list modules: %w", err)
	}
	var b bytes.Buffer
	b.WriteString("Afterglow's extension is compiled from these modules and from Go's standard library, which has the licence of golang.org/x/sys.\n")
	for _, module := range linkedModules(string(out)) {
		fmt.Fprintf(&b, "%s%s %s\n", moduleHead, module.path, module.version)
		if err := module.writeLicences(&b); err != nil {
			return nil, fmt.Errorf("module %s %s: %w", module.path, module.version, err)
		}
	}
	return b.Bytes(), nil
}

// A linkedModule is one that packages of the extension come from.
type linkedModule struct {
	path, version, dir string
	folders            []string // of these packages, and those around them, with slashes; the module's own, ".", comes first
}

// linkedModules reads what go list tells, a line for each package.
func linkedModules(list string) (modules []linkedModule) {
	lines := strings.FieldsFunc(list, func(r rune) bool { return r == '\n' || r == '\r' })
	slices.Sort(lines)
	for _, line := range lines {
		field := strings.Split(line, "\t")
		if len(field) != 4 {
			continue
		}
		if n := len(modules); n == 0 || modules[n-1].path != field[0] {
			modules = append(modules, linkedModule{path: field[0], version: field[1], dir: field[2], folders: []string{"."}})
		}
		m := &modules[len(modules)-1]
		folder := strings.TrimPrefix(strings.TrimPrefix(field[3], m.path), "/")
		for ; folder != "" && folder != "."; folder = path.Dir(folder) {
			if !slices.Contains(m.folders, folder) {
				m.folders = append(m.folders, folder)
			}
		}
	}
	for _, m := range modules {
		slices.Sort(m.folders)
	}
	return modules
}

// writeLicences writes the licences and notices of a module, and of those parts of it that have their own.
func (m linkedModule) writeLicences(b *bytes.Buffer) error {
	before := b.Len()
	for _, folder := range m.folders {
		entries, err := os.ReadDir(filepath.Join(m.dir, filepath.FromSlash(folder)))
		if err != nil {
			return fmt.Errorf("read licence: %w", err)
		}
		for _, entry := range entries {
			kind, _, _ := strings.Cut(strings.ToUpper(entry.Name()), ".")
			if entry.IsDir() || !slices.Contains([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS"}, kind) {
				continue
			}
			name := path.Join(folder, entry.Name())
			text, err := os.ReadFile(filepath.Join(m.dir, filepath.FromSlash(name)))
			if err != nil {
				return fmt.Errorf("read licence: %w", err)
			}
			fmt.Fprintf(b, "%s%s\n\n%s\n", textHead, name, bytes.TrimSpace(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))))
		}
	}
	if b.Len() == before {
		return fmt.Errorf("read licence: there is none in %s", m.dir)
	}
	return nil
}
