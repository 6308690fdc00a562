package construct

import (
	"fmt"
	"path"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
)

// A Candidate is a function that InstrumentAll has come upon.
type Candidate struct {
	// Path of the function's construct, such as Shop/Orders.
	Path string
	// Runtime is Lambda's name of it, such as python3.13; "a token" if only CloudFormation knows it.
	Runtime string
	// Resource is the function as CloudFormation has it.
	Resource awslambda.CfnFunction
}

// A Matcher tells whether a function is meant. Any func(Candidate) bool is one.
type Matcher func(Candidate) bool

// MatchPath matches constructs by their paths: * is anything but a slash, ** between slashes any number of scopes, none too, and what ends in /** is everything below. It
// panics on a pattern that is none.
func MatchPath(pattern string) Matcher {
	want := strings.Split(pattern, "/")
	for _, part := range want {
		if part == "" {
			panic(fmt.Errorf("afterglow: MatchPath(%q): a part of it is empty, and would match nothing; write a path as constructs have it, without a slash at an end, like Shop/*", pattern))
		}
		if _, err := path.Match(part, ""); err != nil {
			panic(fmt.Errorf("afterglow: MatchPath(%q): %w; write a path with stars, like Shop/*", pattern, err))
		}
	}
	return func(c Candidate) bool { return matchParts(want, strings.Split(c.Path, "/")) }
}

func matchParts(want, parts []string) bool {
	switch {
	case len(want) == 0:
		return len(parts) == 0
	case want[0] != "**":
		if len(parts) == 0 {
			return false
		}
		ok, _ := path.Match(want[0], parts[0]) // MatchPath has looked at the pattern
		return ok && matchParts(want[1:], parts[1:])
	case len(want) == 1:
		return len(parts) > 0
	}
	for n := range len(parts) + 1 {
		if matchParts(want[1:], parts[n:]) {
			return true
		}
	}
	return false
}

// MatchRuntime matches runtimes by how they begin: python, nodejs22.
func MatchRuntime(prefix string) Matcher {
	return func(c Candidate) bool { return strings.HasPrefix(c.Runtime, prefix) }
}

// MatchTag matches functions that have a tag, of their own or of a scope around them. An empty value is any.
func MatchTag(key, value string) Matcher {
	return func(c Candidate) bool {
		got, has := (*c.Resource.Tags().TagValues())[key]
		return has && (value == "" || deref(got) == value)
	}
}

func matches(property string, matchers []Matcher, c Candidate) bool {
	for n, m := range matchers {
		if m.named(property, n, c) {
			return true
		}
	}
	return false
}

// named asks a matcher. Where it panics, that says which one it was.
func (m Matcher) named(property string, n int, c Candidate) bool {
	defer func() {
		if r := recover(); r != nil {
			panic(fmt.Errorf("property %s[%d]: the matcher panicked: %v", property, n, r))
		}
	}()
	return m(c)
}
