package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/afterglow-lambda/afterglow/infra/local/control"
)

// choose finds the function that a user means: by its name, ARN or logical id, whole or in part if no other has that part.
// What is named exactly is meant, whatever else has it as a part. A version or alias may follow a colon.
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
	for _, exact := range []func(control.Function) bool{
		func(f control.Function) bool { return f.Name == name },
		func(f control.Function) bool { return f.LogicalID == name },
	} {
		if i := slices.IndexFunc(known, exact); i >= 0 {
			return known[i].Name + qualifier, nil
		}
	}
	var matching []string
	for _, f := range known {
		if part := strings.ToLower(name); strings.Contains(strings.ToLower(f.Name), part) || strings.Contains(strings.ToLower(f.LogicalID), part) {
			matching = append(matching, f.Name)
		}
	}
	switch len(matching) {
	case 1:
		return matching[0] + qualifier, nil
	case 0:
		var all []string
		for _, f := range known {
			all = append(all, f.Name)
		}
		if len(all) == 0 {
			return "", fmt.Errorf("there is no function %q, nor any other", name)
		}
		return "", fmt.Errorf("there is no function %q; there are\n  %s", name, strings.Join(all, "\n  "))
	}
	return "", fmt.Errorf("%q is part of several names:\n  %s", name, strings.Join(matching, "\n  "))
}
