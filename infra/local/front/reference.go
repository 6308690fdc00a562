package front

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// latest is the version that can still change, and the one that is meant when none is named.
const latest = "$LATEST"

// reference names a function as callers may: name, name:qualifier, account:function:name, or an ARN, the latter two
// with or without a qualifier. A qualifier is a version or an alias.
type reference struct {
	name, qualifier string
}

func parseReference(text string) reference {
	parts := strings.Split(text, ":")
	for i, part := range parts {
		if part == "function" && i+1 < len(parts) {
			parts = parts[i+1:]
			break
		}
	}
	r := reference{name: parts[0]}
	if len(parts) > 1 {
		r.qualifier = parts[1]
	}
	return r
}

// baseARN is a function's ARN without a qualifier.
func baseARN(arn string) string {
	parts := strings.Split(arn, ":")
	return strings.Join(parts[:min(len(parts), len([...]string{"arn", "aws", "lambda", "region", "account", "function", "name"}))], ":")
}

// or is the reference with a qualifier that stands elsewhere, if it has none itself.
func (r reference) or(qualifier string) reference {
	if r.qualifier == "" {
		r.qualifier = qualifier
	}
	return r
}

// resolve finds the function that a caller names. A qualifier may stand in the name, in the query, or in both if they agree.
func (f *Front) resolve(ctx context.Context, text, qualifier string) (Function, *apiError) {
	r := parseReference(text)
	switch {
	case r.qualifier == "":
		r.qualifier = qualifier
	case qualifier != "" && qualifier != r.qualifier:
		return Function{}, invalidParameter("The derived qualifier from the function name does not match the specified qualifier.")
	}
	function, err := f.current(ctx, r.name)
	switch {
	case errors.Is(err, ErrNoSuchFunction):
		return Function{}, notFound(text)
	case err != nil:
		return Function{}, serviceError(err)
	}
	if r.qualifier != "" && r.qualifier != latest {
		if function, err = f.qualified(ctx, r.name, r.qualifier); err != nil {
			if errors.Is(err, ErrNoSuchFunction) {
				return Function{}, notFound(fmt.Sprintf("%s:%s", r.name, r.qualifier))
			}
			return Function{}, serviceError(err)
		}
	}
	if function.Problem != nil {
		return Function{}, cannotRun(function.Name, function.Problem)
	}
	return function, nil
}
