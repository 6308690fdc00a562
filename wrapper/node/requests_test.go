package node_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
	"github.com/afterglow-lambda/afterglow/spool"
)

// TestRequests runs functions that send requests, with and without the hook. The function has to see the same, the peer has
// to receive the same bytes, and the spool has to tell what happened.
func TestRequests(t *testing.T) {
	tests := []requestTest{
		{"get", []string{`http GET /text 200 response 9 "some text"`}},
		{"getter", []string{`http GET /text?q=%20x 200 response 9 "some text"`}},
		{"end", []string{`http POST /echo 200 request 15 "{\"q\":\"grüße\"}" response 15 "{\"q\":\"grüße\"}"`}},
		{"length", []string{`http PUT /echo 200 request 6 "abcdef" response 6 "abcdef"`}},
		{"writes", []string{`http POST /echo 200 request 16 "one,two,three!,!" response 16 "one,two,three!,!"`}},
		{"piped", []string{`http POST /echo 200 request 3 "abc" response 3 "abc"`}},
		{"big", []string{`http POST /echo 200 request 32768 of 100000 "zzzzzzzzzzzzzzzzzzzzzzzz" response 32768 of 100000 "zzzzzzzzzzzzzzzzzzzzzzzz"`}},
		{"arrayHeaders", []string{`http POST /echo 200 request 2 "hi" response 2 "hi"`}},
		{"continue", []string{`http POST /echo 200 request 5 "go on" response 5 "go on"`}},
		{"chunked", []string{`http GET /chunked 200 response 17 "first zwölf\nlast"`}},
		{"gzip", []string{`http GET /gzip 200 response 32 "\x1f\x8b\b\x00\x00\x00\x00\x00\x00\xff*\xcd+HL\xceNM\x01\x04\x00\x00\xff\xff"`}},
		{"large", []string{`http GET /large?n=200000 200 response 32768 of 200000 "LLLLLLLLLLLLLLLLLLLLLLLL"`}},
		{"head", []string{`http HEAD /text 200`}},
		{"noContent", []string{`http GET /status?code=204 204`}},
		{"notModified", []string{`http GET /status?code=304 304`}},
		{"serverError", []string{`http GET /status?code=500 500`}},
		{"encoded", []string{`http GET /chunked 200 response 17 "first zwölf\nlast"`}},
		{"readable", []string{`http GET /slow 200 response 5 "abcde"`}},
		{"onceReadable", []string{`http GET /text 200 response 9 "some text"`}},
		{"paused", []string{`http GET /slow 200 response 5 "abcde"`}},
		{"unread", []string{`http GET /text 200 response 9 "some text"`}},
		{"listeners", []string{`http GET /text 200 response 9 "some text"`}},
		{"dropped", []string{`http GET /trickle 200 response partial`}},
		{"returned", []string{`http GET /trickle 200 response partial`}},
		{"aborted", []string{`http GET /never error ABORT_ERR`}},
		{"controller", []string{`http GET /never error ABORT_ERR`}},
		{"timeout", []string{`http GET /never error Error`}},
		{"refused", []string{`http GET / error ECONNREFUSED`}},
		{"hangup", []string{`http GET /hangup error ECONNRESET`}},
		{"cut", []string{`http GET /cut 200 response partial`}},
		{"garbage", []string{`http GET /garbage error HPE_INVALID_CONSTANT`}},
		{"badUrl", nil},
		{"badHeader", nil},
		{"badWrite", nil},
		{"writeAfterEnd", []string{`http POST /echo request 1 "x" error ERR_STREAM_WRITE_AFTER_END`}},
		{"badEncoding", []string{`http POST /echo 200 request 2 "a\xff" response 2 "a\xff"`}},
		{"listenerStack", []string{`http GET /slow 200 response 5 "abcde"`}},
		{"responseStack", []string{`http GET /text 200 response 9 "some text"`}},
		{"socketStack", []string{`http GET /text 200 response 9 "some text"`}},
		{"agentStack", []string{`http GET /text 200 response 9 "some text"`}},
		{"unhandledError", []string{`http GET /text 200 response 9 "some text"`}},
		{"keepAlive", []string{`http GET /text?i=0 200 response 9 "some text"`, `http GET /text?i=1 200 response 9 "some text"`, `http GET /text?i=2 200 response 9 "some text"`}},
		{"parallel", []string{`http POST /echo?i=1 200 request 6 "body 1" response 6 "body 1"`, `http POST /echo?i=2 200 request 6 "body 2" response 6 "body 2"`, `http POST /echo?i=3 200 request 6 "body 3" response 6 "body 3"`}},
		{"upgrade", []string{`http GET /upgrade 101`}},
		{"connect", []string{`http CONNECT /example.com:443 200`}},
		{"wrapped", []string{`http POST /echo 200 request 17 "through a wrapper" response 17 "through a wrapper"`}},
		{"patched", []string{`http GET /text 200 response 9 "some text"`}},
		{"mocked", []string{`http GET /text 200 response 9 "some text"`}},
		{"unmade", []string{`http GET /text 200 response 9 "some text"`}},
		{"secure", []string{`http GET /text 200 response 9 "some text"`}},
		{"through", []string{`http GET /slow 200 response 5 "abcde"`}},
		{"warnings", slices.Repeat([]string{`http GET /text 200 response 9 "some text"`}, 15)},
		{"fetch", []string{`undici GET /text 200 response 9 "some text"`}},
		{"fetchPost", []string{`undici POST /echo?x=1 200 request 7 "{\"a\":1}" response 7 "{\"a\":1}"`}},
		{"fetchBytes", []string{`undici PUT /echo 200 request 3 "\x01\x02\x03" response 3 "\x01\x02\x03"`}},
		{"fetchStream", []string{`undici POST /echo 200 request 7 "one two" response 7 "one two"`}},
		{"fetchGzip", []string{`undici GET /gzip 200 response 32 "\x1f\x8b\b\x00\x00\x00\x00\x00\x00\xff*\xcd+HL\xceNM\x01\x04\x00\x00\xff\xff"`}},
		{"fetchLarge", []string{`undici GET /large?n=200000 200 response 32768 of 200000 "LLLLLLLLLLLLLLLLLLLLLLLL"`}},
		{"fetchRedirect", []string{`undici GET /redirect 302 response 28 "<a href=\"/text\">Found</a"`, `undici GET /text 200 response 9 "some text"`}},
		{"fetchAbort", []string{`undici GET /never error TimeoutError`}},
		{"fetchCancel", []string{`undici GET /trickle 200 response partial error AbortError`}},
		{"fetchRefused", []string{`undici GET / error ECONNREFUSED`}},
		{"fetchCut", []string{`undici GET /cut 200 response partial error UND_ERR_SOCKET`}},
		{"fetchBody", []string{`undici GET /slow 200 response 5 "abcde"`}},
		{"fetchHead", []string{`undici HEAD /text 200`}},
		{"fetchSecure", []string{`undici GET /text 200 response 9 "some text"`}},
	}
	eachRuntime(t, func(t *testing.T, rt runtimes.Runtime) {
		checkRequests(t, rt, "requests.handler", tests)
	})
}

// A requestTest is a story and the calls that the hook has to tell of it.
type requestTest struct {
	story string
	want  []string
}

// checkRequests runs the stories of a function one after the other in one environment.
func checkRequests(t *testing.T, rt runtimes.Runtime, handler string, tests []requestTest) {
	t.Helper()
	p := newPeer(t)
	var names []string
	for _, test := range tests {
		names = append(names, test.story)
	}
	s := story{handler: handler, events: told(names...), env: p.env()}
	dir := filepath.Join(t.TempDir(), "spool")
	var heard [2][][]string
	var results [2]result
	for i, hooked := range []bool{false, true} {
		s.pause = func(int) { heard[i] = append(heard[i], p.take()) }
		results[i] = run(t, rt, s, hooked, dir)
		heard[i] = append(heard[i], p.take())
	}
	if d := differences(pretty(results[0]), pretty(results[1])); d != "" {
		t.Errorf("the hook changed what functions see:\n%s", d)
	}
	records := spooled(t, dir)
	for i, test := range tests {
		t.Run(test.story, func(t *testing.T) {
			if d := differences(normal(heard[0][i+1]), normal(heard[1][i+1])); d != "" {
				t.Errorf("the hook changed what the peer receives:\n%s", d)
			}
			var mine []spool.Record
			for _, r := range records {
				if r.Invocation == requestID(i) {
					mine = append(mine, r)
				}
			}
			if got := calls(t, mine); !slices.Equal(got, test.want) {
				t.Errorf("recorded calls:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestAWS is TestRequests for AWS's SDK, as the runtime has it.
func TestAWS(t *testing.T) {
	tests := []requestTest{
		{"send", []string{`http POST /aws/ 200 request 78 "{\"QueueUrl\":\"http://127." response 79 "{\"MessageId\":\"message-1\""`}},
		{"put", []string{`http POST /aws/ 200 request 61 "{\"TableName\":\"t\",\"Item\":" response 2 "{}"`}},
		{"upload", []string{`http PUT /aws/b/k?x-id=PutObject 200 request 6 "a text"`}},
		{"stream", []string{`http PUT /aws/b/k?x-id=PutObject 200 request 55 "3\r\nin \r\n6\r\npieces\r\n0\r\nx-"`}},
		{"download", []string{`http GET /aws/b/k?x-id=GetObject 200 response 9 "an object"`}},
		{"retried", []string{`http POST /aws/ 503 request 47 "{\"TableName\":\"retried\",\""`, `http POST /aws/ 200 request 47 "{\"TableName\":\"retried\",\"" response 2 "{}"`}},
		{"refused", []string{`http POST /aws/ 400 request 33 "{\"TableName\":\"refused\",\"" response 97 "{\"__type\":\"com.amazonaws"`}},
	}
	eachRuntime(t, func(t *testing.T, rt runtimes.Runtime) {
		checkRequests(t, rt, "aws.handler", tests)
	})
}
