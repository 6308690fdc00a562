package enrich

import (
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// isGateway tells whether a call went to an HTTP interface of the user's own that AWS serves: API Gateway or a function URL. Signed requests to
// them are signed for execute-api and lambda.
func isGateway(host string, call *event.Call, id string) bool {
	return id == "execute-api" || strings.Contains(host, ".lambda-url.") || strings.Contains(host, ".execute-api.") ||
		header(call.ResponseHeaders, "apigw-requestid") != "" || header(call.ResponseHeaders, "x-amz-apigw-id") != ""
}

// recogniseGateway reads a plain HTTP call. If what answered it drew a request id, the function behind finds the same one in its event
// (requestContext.requestId), whatever the host is called: custom domains look like any other. An HTTP API sends it as apigw-requestid, REST API and
// function URL as x-amzn-requestid.
func recogniseGateway(r request, t *event.Target) {
	if id := r.responseHeader("apigw-requestid"); isID(id) {
		t.RequestID = id
	}
	if id := t.RequestID; id != "" {
		t.Key = &event.Key{Space: spaceRequest, ID: id}
	}
}
