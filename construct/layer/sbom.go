package layer

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"strings"
)

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

// release is the version of Afterglow: the same source is the same layer, whatever a project's go.mod calls it.
const release = "0.1.0"

// sbom tells what the binary itself says that it was built from, and under which licences.
func sbom(made built) ([]byte, error) {
	info, err := buildinfo.Read(bytes.NewReader(made.binary))
	if err != nil {
		return nil, fmt.Errorf("read what the extension was built from: %w", err)
	}
	licences := licencesIn(string(made.notices))
	packages := []spdxPackage{
		packageOf(modulePath, "v"+release, "Apache-2.0"),
		packageOf("go", strings.TrimPrefix(info.GoVersion, "go"), "BSD-3-Clause"), // go.dev/LICENSE
	}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		packages = append(packages, packageOf(module.Path, module.Version, cmp.Or(licences[module.Path+" "+module.Version], noAssertion)))
	}
	root := packages[0].ID
	relations := []spdxRelation{{"SPDXRef-DOCUMENT", "DESCRIBES", root}}
	for _, p := range packages[1:] {
		relations = append(relations, spdxRelation{root, "CONTAINS", p.ID})
	}
	text, err := json.MarshalIndent(map[string]any{
		"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "afterglow-layer",
		"documentNamespace": "https://" + modulePath + "/sbom/" + digestOf(made.binary),
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

// noAssertion is what SPDX says for nothing.
const noAssertion = "NOASSERTION"

// packageOf describes a module, or Go itself. Source of its package URL: github.com/package-url/purl-spec, type golang.
func packageOf(name, version, licence string) spdxPackage {
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, name)
	purl := "pkg:golang/" + name + "@" + version
	if name == "go" {
		purl = "pkg:golang/stdlib@" + version
	}
	return spdxPackage{Name: name, ID: "SPDXRef-" + id, Version: version, DownloadLocation: noAssertion, LicenseDeclared: licence,
		References: []spdxExternal{{"PACKAGE-MANAGER", "purl", purl}}}
}
