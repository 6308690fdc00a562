package front

import (
	"encoding/json"
	"strings"
)

// gateway is an HTTP front end of the local AWS that wants a function's answer as status, headers and body.
type gateway int

const (
	noGateway   gateway = iota
	restAPI             // API Gateway, REST: payload format 1.0
	httpAPI             // API Gateway, HTTP: payload format 2.0, or 1.0 if so configured
	functionURL         // payload format 2.0, where somebody asked MiniStack itself
)

// gatewayOf tells by an event's shape which front end it comes from.
func gatewayOf(payload []byte) gateway {
	var event struct {
		Version    string  `json:"version"`
		HTTPMethod *string `json:"httpMethod"`
		Type       string  `json:"type"` // an authorizer's event has one, and an answer of another kind
		Context    *struct {
			APIID      string `json:"apiId"`
			DomainName string `json:"domainName"`
			HTTP       *struct{ Method string }
			ResourceID *string         `json:"resourceId"`
			ELB        json.RawMessage `json:"elb"`
		} `json:"requestContext"`
	}
	if json.Unmarshal(payload, &event) != nil || event.Context == nil || event.Context.APIID == "" || len(event.Context.ELB) > 0 || event.Type != "" {
		return noGateway
	}
	switch {
	case strings.Contains(event.Context.DomainName, functionURLs):
		return functionURL
	case event.HTTPMethod != nil && event.Context.ResourceID != nil:
		return restAPI
	case event.Version == "2.0" && event.Context.HTTP != nil, event.Version == "1.0" && event.HTTPMethod != nil:
		return httpAPI
	}
	return noGateway
}

// failure is what a function has to answer for the client to get what AWS gives for a function's error: MiniStack would tell
// the client how it called us.
func (g gateway) failure() []byte {
	status, text := 502, `{"message": "Internal server error"}` // REST API: API_CONFIGURATION_ERROR and the like
	switch g {
	case httpAPI:
		status, text = 500, `{"message":"Internal Server Error"}`
	case functionURL:
		text = "Internal Server Error"
	}
	answer, err := json.Marshal(map[string]any{"statusCode": status, "headers": map[string]string{"content-type": "application/json"}, "body": text})
	if err != nil {
		return nil // cannot happen: it is made of strings
	}
	return answer
}
