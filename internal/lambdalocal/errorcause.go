package lambdalocal

import (
	"encoding/json"
	"errors"
	"fmt"
)

const (
	// maxErrorCause is what X-Ray takes of an error's cause (RIE rapi/model/error_cause.go).
	maxErrorCause = 64 * 1024
	// causeTexts bounds each of a cause's two free texts when nothing else of it fits.
	causeTexts = (maxErrorCause - 4096) / 2
)

// errorCause is the cause of an error as runtimes tell it to X-Ray.
type errorCause struct {
	Exceptions []causeException `json:"exceptions"`
	WorkingDir string           `json:"working_directory"`
	Paths      []string         `json:"paths"`
	Message    string           `json:"message,omitempty"`
}

type causeException struct {
	Message string       `json:"message,omitempty"`
	Type    string       `json:"type,omitempty"`
	Stack   []causeFrame `json:"stack,omitempty"`
}

type causeFrame struct {
	Path  string `json:"path,omitempty"`
	Line  int    `json:"line,omitempty"`
	Label string `json:"label,omitempty"`
}

// parseErrorCause takes a cause and gives what goes on of it: at most 64 KiB, with fewer exceptions and
// paths if it has more. What is no cause is an error, and the invocation's error is told without it.
func parseErrorCause(text []byte) ([]byte, error) {
	var cause errorCause
	if err := json.Unmarshal(text, &cause); err != nil {
		return nil, fmt.Errorf("parse error cause: %w", err)
	}
	if len(cause.Exceptions) == 0 && cause.WorkingDir == "" && len(cause.Paths) == 0 && cause.Message == "" {
		return nil, errors.New("parse error cause: it has none of exceptions, working_directory, paths, message")
	}
	whole := mustJSON(cause)
	// The steps are RAPID's (croppedJSON).
	for _, share := range []float64{0.8, 0.6, 0.4, 0.2} {
		if len(whole) <= maxErrorCause {
			return whole, nil
		}
		less := cause
		less.Exceptions = cause.Exceptions[:int(float64(len(cause.Exceptions))*share)]
		less.Paths = cause.Paths[:int(float64(len(cause.Paths))*share)]
		whole = mustJSON(less)
	}
	if len(whole) <= maxErrorCause {
		return whole, nil
	}
	return mustJSON(errorCause{WorkingDir: crop(cause.WorkingDir, causeTexts), Message: crop(cause.Message, causeTexts)}), nil
}

func crop(text string, length int) string {
	const sign = "..."
	if len(text) <= length {
		return text
	}
	return text[:length-len(sign)] + sign
}
