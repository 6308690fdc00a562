package layer

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What of others is in the extension, for whoever has to list it, and because their licences ask for it.
const (
	noticesFile = "THIRD-PARTY-NOTICES"
	sbomFile    = "sbom.spdx.json"
)

// notices gives the licences of the modules that the extension is compiled from, as these tell them.
func (t toolchain) notices(ctx context.Context, source moduleSource, goarch string) ([]byte, error) {
	env := append(slices.Clone(t.env), "GOARCH="+goarch)
	out, err := goCommand(ctx, source.dir, env, "list", "-mod=readonly", "-tags=nethttpomithttp2", "-deps",
		"-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}", "./"+extensionPath)
	if err != nil {
		return nil, fmt.Errorf("list modules: %w", err)
	}
	lines := strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' || r == '\r' })
	slices.Sort(lines)
	var b bytes.Buffer
	b.WriteString("Afterglow's extension is compiled from these modules and from Go's standard library, which has the licence of golang.org/x/sys.\n")
	for _, line := range slices.Compact(lines) {
		module := strings.Split(line, "\t")
		if len(module) != 3 {
			continue
		}
		texts, err := licencesIn(module[2])
		if err != nil {
			return nil, fmt.Errorf("module %s %s: %w", module[0], module[1], err)
		}
		fmt.Fprintf(&b, "\n==> %s %s\n\n%s", module[0], module[1], texts)
	}
	return b.Bytes(), nil
}

// licencesIn reads the licences and notices of a module.
func licencesIn(dir string) ([]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read licence: %w", err)
	}
	var b bytes.Buffer
	for _, entry := range entries {
		name, _, _ := strings.Cut(strings.ToUpper(entry.Name()), ".")
		if entry.IsDir() || !slices.Contains([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS"}, name) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read licence: %w", err)
		}
		b.Write(bytes.TrimRight(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), "\n"))
		b.WriteString("\n")
	}
	if b.Len() == 0 {
		return nil, fmt.Errorf("read licence: there is none in %s", dir)
	}
	return b.Bytes(), nil
}

// An spdxPackage is one part of the bill of materials. Source: the SPDX specification 2.3 (spdx.github.io/spdx-spec/v2.3).
type spdxPackage struct {
	Name             string         `json:"name"`
	ID               string         `json:"SPDXID"`
	Version          string         `json:"versionInfo,omitempty"`
	DownloadLocation string         `json:"downloadLocation"`
	FilesAnalyzed    bool           `json:"filesAnalyzed"`
	LicenseDeclared  string         `json:"licenseDeclared"`
	References       []spdxExternal `json:"externalRefs,omitempty"`
}

type spdxExternal struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelation struct {
	Of   string `json:"spdxElementId"`
	Kind string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

// sbom tells what the binary itself says that it was built from.
func sbom(binary []byte) ([]byte, error) {
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return nil, fmt.Errorf("read what the extension was built from: %w", err)
	}
	const root = "SPDXRef-afterglow"
	packages := []spdxPackage{{Name: modulePath, ID: root, DownloadLocation: "NOASSERTION", LicenseDeclared: "Apache-2.0"}}
	add := func(name, version, purl string) {
		id := "SPDXRef-" + strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' {
				return r
			}
			return '-'
		}, name)
		packages = append(packages, spdxPackage{Name: name, ID: id, Version: version, DownloadLocation: "NOASSERTION", LicenseDeclared: "NOASSERTION",
			References: []spdxExternal{{"PACKAGE-MANAGER", "purl", purl}}})
	}
	add("go", strings.TrimPrefix(info.GoVersion, "go"), "pkg:golang/stdlib@"+strings.TrimPrefix(info.GoVersion, "go"))
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		add(module.Path, module.Version, "pkg:golang/"+module.Path+"@"+module.Version)
	}
	relations := []spdxRelation{{"SPDXRef-DOCUMENT", "DESCRIBES", root}}
	for _, p := range packages[1:] {
		relations = append(relations, spdxRelation{root, "CONTAINS", p.ID})
	}
	text, err := json.MarshalIndent(map[string]any{
		"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "afterglow-layer",
		"documentNamespace": "https://" + modulePath + "/sbom/" + digestOf(binary),
		// The same layer has the same bytes whenever it is built.
		"creationInfo":  map[string]any{"created": "1980-01-01T00:00:00Z", "creators": []string{"Tool: afterglow"}},
		"packages":      packages,
		"relationships": relations,
	}, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write bill of materials: %w", err)
	}
	return append(text, '\n'), nil
}
