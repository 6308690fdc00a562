package main

import (
	"crypto/md5" // no secret: the CDK makes logical ids with it
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/afterglow-lambda/afterglow/infra/local/control"
)

// choose finds the function that a user means: by its name, its ARN, its logical id, its id or path in the CDK app, or a part of one of
// those that no other has. What is named exactly is meant, whatever else has it as a part. A version or alias may follow a colon.
func choose(wanted string, known []control.Function) (string, error) {
	name, qualifier := wanted, ""
	if strings.HasPrefix(wanted, "arn:") {
		if parts := strings.Split(wanted, ":"); len(parts) > 6 {
			name, qualifier = parts[6], strings.Join(parts[7:], ":")
		}
	} else {
		name, qualifier, _ = strings.Cut(wanted, ":")
	}
	if qualifier != "" {
		qualifier = ":" + qualifier
	}
	path := strings.Split(strings.Trim(name, "/"), "/")
	ids := logicalIDs(path)
	for _, means := range []func(control.Function) bool{
		func(f control.Function) bool { return f.Name == name },
		func(f control.Function) bool { return f.LogicalID == name },
		func(f control.Function) bool { return slices.Contains(ids, f.LogicalID) && inStack(f, path) },
		func(f control.Function) bool { return slices.Contains(ids, f.LogicalID) },
		func(f control.Function) bool {
			return constructs(f) != "" && strings.HasSuffix(constructs(f), humanPart(path))
		},
		func(f control.Function) bool {
			part := strings.ToLower(name)
			return strings.Contains(strings.ToLower(f.Name), part) || strings.Contains(strings.ToLower(f.LogicalID), part)
		},
	} {
		var matching []string
		for _, f := range known {
			if means(f) {
				matching = append(matching, f.Name)
			}
		}
		switch len(matching) {
		case 0:
		case 1:
			return matching[0] + qualifier, nil
		default:
			return "", fmt.Errorf("%q may be any of several functions:\n  %s", name, strings.Join(matching, "\n  "))
		}
	}
	if len(known) == 0 {
		return "", fmt.Errorf("there is no function %q, nor any other", name)
	}
	var all []string
	for _, f := range known {
		all = append(all, f.Name)
	}
	return "", fmt.Errorf("there is no function %q; there are\n  %s", name, strings.Join(all, "\n  "))
}

// logicalIDs are the logical ids that the CDK gives to a function at a path of constructs. The path may begin with those that the
// function's stack is in; a function of the library's has its resource one level below itself.
func logicalIDs(path []string) []string {
	var ids []string
	for i := range path {
		below := path[i:]
		ids = append(ids, logicalID(below), logicalID(append(slices.Clone(below), cdkResource)))
	}
	return ids
}

// cdkResource is the id of the resource inside of a construct of the CDK's library.
const cdkResource = "Resource"

// logicalID is how the CDK makes an id of a path in a stack: what people read, and eight digits of the path's digest
// (https://docs.aws.amazon.com/cdk/v2/guide/identifiers.html, "Logical IDs").
func logicalID(path []string) string {
	path = slices.DeleteFunc(slices.Clone(path), func(id string) bool { return id == "Default" })
	if len(path) == 1 {
		return humanPart(path)
	}
	sum := md5.Sum([]byte(strings.Join(path, "/"))) //nolint:gosec // see the import
	return humanPart(path) + strings.ToUpper(hex.EncodeToString(sum[:]))[:8]
}

var notAlphanumeric = regexp.MustCompile(`[^A-Za-z0-9]`)

// humanPart is what people read of a path: all but the resource inside, ids that come twice, and what is no letter or digit.
func humanPart(path []string) string {
	var text, last string
	for _, id := range path {
		if id != cdkResource && id != last {
			text += notAlphanumeric.ReplaceAllString(id, "")
		}
		last = id
	}
	return text
}

var digestAtTheEnd = regexp.MustCompile(`[0-9A-F]{8}$`)

// constructs is what people read in a function's logical id; "" if the CDK did not make it.
func constructs(f control.Function) string {
	if !digestAtTheEnd.MatchString(f.LogicalID) {
		return ""
	}
	return f.LogicalID[:len(f.LogicalID)-8]
}

// inStack tells whether a path begins with a function's stack. That of a stack in a stage has the stage's id before its own.
func inStack(f control.Function, path []string) bool {
	for i := 1; i < len(path); i++ {
		if f.Stack == strings.Join(path[:i], "-") {
			return true
		}
	}
	return false
}
