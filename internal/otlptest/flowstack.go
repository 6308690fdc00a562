package otlptest

import (
	"regexp"
	"slices"
	"strings"
)

// foreignFrames mark lines of a stack trace that are not the user's code: the runtime, its libraries and packages.
var foreignFrames = []string{
	"/site-packages/", "/dist-packages/", "/node_modules/", "node:", "/var/runtime/", "/var/lang/", "/opt/",
	"<frozen ", "/lib/python3", "/awslambdaric/", "/gems/", "java.base/", "com.amazonaws.services.lambda.runtime.",
}

// pythonFrame is a frame of a Python traceback; the line after it is the source.
var pythonFrame = regexp.MustCompile(`^File "([^"]+)", line (\d+), in (.+)$`)

// userFrames picks the lines of a stack trace nearest to the throw that are the user's own code, at most so many.
// Python writes the throw last, everyone else first. With no frame of the user's, the nearest ones are better than none.
func userFrames(stack string, most int) []string {
	frames, throwLast := readFrames(stack)
	own := slices.DeleteFunc(slices.Clone(frames), func(frame string) bool {
		return slices.ContainsFunc(foreignFrames, func(mark string) bool { return strings.Contains(frame, mark) })
	})
	if len(own) == 0 {
		own = frames
	}
	if throwLast {
		slices.Reverse(own)
	}
	return own[:min(most, len(own))]
}

// readFrames gives the frames as "at function (file:line)" where the language writes them otherwise.
func readFrames(stack string) (frames []string, throwLast bool) {
	for raw := range strings.Lines(stack) {
		text := strings.TrimSpace(raw)
		if match := pythonFrame.FindStringSubmatch(text); match != nil {
			frames = append(frames, "at "+match[3]+" ("+match[1]+":"+match[2]+")")
			throwLast = true
			continue
		}
		if !throwLast && isFrame(text) {
			frames = append(frames, text)
		}
	}
	return frames, throwLast
}

// isFrame knows the frames of Node, Java and .NET ("at …") and of Ruby ("file.rb:1:in 'x'").
func isFrame(text string) bool {
	return strings.HasPrefix(text, "at ") || strings.Contains(text, ".rb:")
}
