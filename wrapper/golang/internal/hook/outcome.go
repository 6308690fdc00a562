package hook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/afterglow-lambda/afterglow/spool"
)

// typeStreaming is what the runtime client calls a response that begins with a prelude: a JSON object with status and headers, and eight zeros.
const typeStreaming = "application/vnd.awslambda.http-integration-response"

// mostStatus is how long a response may be that is searched for a status. The extension has what was kept of longer ones.
const mostStatus = 64 << 10

// reported takes apart an error as aws-lambda-go reports it, with its stack as Go prints stacks.
func reported(body []byte) *spool.Error {
	var told struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
		Stack   []struct {
			Path, Label string
			Line        int
		} `json:"stackTrace"`
	}
	if json.Unmarshal(body, &told) != nil {
		return &spool.Error{Type: "error"} // cut, or of somebody's own
	}
	var stack strings.Builder
	for _, frame := range told.Stack {
		stack.WriteString(frame.Label + "\n\t" + frame.Path + ":" + strconv.Itoa(frame.Line) + "\n")
	}
	return &spool.Error{Type: Cut(told.Type), Message: Cut(told.Message), Stack: Cut(stack.String())}
}

func reportedInTrailer(trailer string) *spool.Error {
	body, _ := base64.StdEncoding.DecodeString(trailer) // what is none is not JSON either
	return reported(body)
}

// status gives the statusCode of a proxy response, 0 if it is none.
func status(body []byte, streaming bool) int {
	if streaming {
		prelude, _, ok := bytes.Cut(body, make([]byte, 8))
		if !ok {
			return 0
		}
		body = prelude
	}
	if len(body) > mostStatus || !bytes.Contains(body, []byte(`"statusCode"`)) {
		return 0
	}
	var response struct {
		StatusCode int `json:"statusCode"`
	}
	if json.Unmarshal(body, &response) != nil || response.StatusCode < 100 || response.StatusCode > 999 {
		return 0
	}
	return response.StatusCode
}
