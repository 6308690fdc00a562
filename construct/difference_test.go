package construct

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/cxapi"
	"github.com/aws/jsii-runtime-go"
)

// logicalID is one that the CDK made of the path of a construct of the matrix: the function, the role or the policy that it made for it, or a layer.
var logicalID = regexp.MustCompile(`"(To[A-Za-z]*?[0-9a-z]+|AfterglowLayer[A-Za-z0-9]+?)(ServiceRole|ServiceRoleDefaultPolicy)?[0-9A-F]{8}"`)

// flattened gives what is in a template's resources by paths such as Orders/ServiceRole.Properties.Path, and Orders/.Properties.Role for the function. Digits that the CDK appends to ids are left out.
func flattened(t *testing.T, template string) map[string]string {
	t.Helper()
	template = assetHash.ReplaceAllString(template, "<asset>")
	template = logicalID.ReplaceAllString(template, `"$1/$2"`)
	var read struct{ Resources map[string]any }
	if err := json.Unmarshal([]byte(template), &read); err != nil {
		t.Fatal(err)
	}
	flat := map[string]string{}
	var flatten func(path string, value any)
	flatten = func(path string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, inner := range value {
				flatten(path+"."+key, inner)
			}
		case []any:
			for n, inner := range value {
				flatten(fmt.Sprintf("%s[%d]", path, n), inner)
			}
		default:
			flat[path] = fmt.Sprint(value)
		}
	}
	for id, resource := range read.Resources {
		flatten(id, resource)
	}
	return flat
}

// resources gives what belongs to a construct, without its own name.
func resources(flat map[string]string, of string) map[string]string {
	found := map[string]string{}
	for path, value := range flat {
		if id, rest, _ := strings.Cut(path, "/"); id == of {
			found[strings.TrimPrefix(rest, ".")] = strings.ReplaceAll(value, of+"/", "its ")
		}
	}
	return found
}

// differences are lines for what was added, taken away or changed.
func differences(before, after map[string]string) (lines []string) {
	for path, value := range after {
		switch was, had := before[path]; {
		case !had:
			lines = append(lines, "+ "+path+": "+value)
		case was != value:
			lines = append(lines, "~ "+path+": "+was+" -> "+value)
		}
	}
	for path, value := range before {
		if _, has := after[path]; !has {
			lines = append(lines, "- "+path+": "+value)
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[2:], b[2:]) })
	return lines
}

// annotationsOf gives what is said on a stack's constructs, by their paths.
func annotationsOf(stack awscdk.Stack) map[string][]string {
	found, all := assertions.Annotations_FromStack(stack), jsii.String("*")
	said := map[string][]string{}
	for level, messages := range map[string]*[]*cxapi.SynthesisMessage{
		"info":    found.FindInfo(all, assertions.Match_AnyValue()),
		"warning": found.FindWarning(all, assertions.Match_AnyValue()),
		"error":   found.FindError(all, assertions.Match_AnyValue()),
	} {
		for _, m := range *messages {
			said[*m.Id] = append(said[*m.Id], fmt.Sprintf("%s: %v", level, m.Entry.Data))
		}
	}
	return said
}

// groups puts functions together of which the same is told.
type groups struct {
	titles []string
	texts  map[string][]string                       // by title, in the order in which they came
	which  map[string]map[string]map[string][]string // runtimes by title, text and architecture
}

func newGroups() *groups {
	return &groups{texts: map[string][]string{}, which: map[string]map[string]map[string][]string{}}
}

func (g *groups) add(title, architecture, runtime string, lines []string) {
	text := strings.Join(lines, "\n    ")
	if g.which[title] == nil {
		g.titles, g.which[title] = append(g.titles, title), map[string]map[string][]string{}
	}
	if g.which[title][text] == nil {
		g.texts[title], g.which[title][text] = append(g.texts[title], text), map[string][]string{}
	}
	g.which[title][text][architecture] = append(g.which[title][text][architecture], runtime)
}

func (g *groups) text() string {
	var out strings.Builder
	out.WriteString("# What Afterglow adds (+) to a function, takes (-) from it and changes (~), and what it says of it: go test ./construct -run Matrix -update\n")
	for _, title := range g.titles {
		fmt.Fprintf(&out, "\n%s\n", title)
		for _, text := range g.texts[title] {
			for _, architecture := range sortedKeys(g.which[title][text]) {
				fmt.Fprintf(&out, "  %s: %s\n", architecture, strings.Join(g.which[title][text][architecture], " "))
			}
			fmt.Fprintf(&out, "    %s\n", text)
		}
	}
	return out.String()
}
