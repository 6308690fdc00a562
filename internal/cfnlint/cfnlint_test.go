package cfnlint

import (
	"slices"
	"strings"
	"testing"
)

// wrong is a template with one error and one warning.
const wrong = `
Parameters:
  Unused: {Type: String}
Resources:
  Orders:
    Type: AWS::Lambda::Function
    Properties:
      Role: arn:aws:iam::123456789012:role/theirs
      Runtime: python3.13
      Handler: app.handler
      Code: {ZipFile: ""}
      Memory: 128
`

func TestFindings(t *testing.T) {
	found := findings(t, installed(t, "../.."), map[string]string{"wrong.yaml": wrong})
	unused := Allowance{Rules: []string{"W2001"}, Says: "Unused"}
	for _, c := range []struct {
		name    string
		allowed []Allowance
		want    []string
	}{
		{"nothing is allowed", nil, []string{"E3002", "W2001"}},
		{"one is allowed", []Allowance{unused}, []string{"E3002"}},
		{"another message of the rule is", []Allowance{{Rules: []string{"W2001"}, Says: "Used"}}, []string{"E3002", "W2001", "take it away"}},
		{"more is allowed than is found", []Allowance{unused, {Rules: []string{"W9999"}}}, []string{"E3002", "W9999"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := problems(found, c.allowed)
			slices.Sort(got)
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for _, want := range c.want {
				if !slices.ContainsFunc(got, func(problem string) bool { return strings.Contains(problem, want) }) {
					t.Errorf("%q does not hold %q", got, want)
				}
			}
		})
	}
}
