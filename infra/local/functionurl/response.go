package functionurl

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// response is what a function returns to say more than a body. Without a statusCode it is no such thing.
type response struct {
	StatusCode *int              `json:"statusCode"`
	Headers    map[string]scalar `json:"headers"`
	Cookies    []string          `json:"cookies"`
	Body       *scalar           `json:"body"`
	Base64     bool              `json:"isBase64Encoded"`
}

// scalar is a value that functions write as a string, a number or a boolean.
type scalar string

func (s *scalar) UnmarshalJSON(text []byte) error {
	var plain string
	if json.Unmarshal(text, &plain) == nil {
		*s = scalar(plain)
		return nil
	}
	*s = scalar(text)
	return nil
}

// write writes a buffered response: as the function says, or what it returned as JSON with status 200.
func write(w http.ResponseWriter, payload []byte) {
	var r response
	text := bytes.TrimSpace(payload)
	w.Header().Set("Content-Type", "application/json")
	if !bytes.HasPrefix(text, []byte("{")) || !names(text, "statusCode") {
		body := text
		var plain string
		if bytes.HasPrefix(text, []byte(`"`)) && json.Unmarshal(text, &plain) == nil {
			body = []byte(plain) // a string is the body, without its quotes
		}
		_, _ = w.Write(body)
		return
	}
	if json.Unmarshal(text, &r) != nil || r.StatusCode == nil {
		internalError(w)
		return
	}
	var body []byte
	if r.Body != nil {
		body = []byte(*r.Body)
	}
	if r.Base64 {
		decoded, err := base64.StdEncoding.DecodeString(string(body))
		if err != nil {
			internalError(w)
			return
		}
		body = decoded
	}
	headers := map[string]string{}
	for name, value := range r.Headers {
		headers[name] = string(value)
	}
	if !writeHead(w, *r.StatusCode, headers, r.Cookies) {
		internalError(w)
		return
	}
	_, _ = w.Write(body) // a client that went away hears nothing
}

func names(object []byte, field string) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(object, &fields) != nil {
		return false
	}
	_, there := fields[field]
	return there
}

// connectionHeaders belong to the connection, which is ours.
var connectionHeaders = []string{"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"}

// writeHead writes status and headers. It does nothing if the status is none.
func writeHead(w http.ResponseWriter, status int, headers map[string]string, cookies []string) bool {
	if status < http.StatusOK || status > 999 {
		return false
	}
	header := w.Header()
	for name, value := range headers {
		lower := strings.ToLower(name)
		ruled := strings.HasPrefix(lower, "access-control-") && header.Get("Access-Control-Allow-Origin") != "" // by the URL's own settings
		if !ruled && !slices.Contains(connectionHeaders, lower) {
			header.Set(name, value)
		}
	}
	for _, cookie := range cookies {
		header.Add("Set-Cookie", cookie)
	}
	w.WriteHeader(status)
	return true
}
