package functionurl

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

const traceHeader = "X-Amzn-Trace-Id"

// event is payload format 2.0, in the order in which AWS writes it.
type event struct {
	Version        string            `json:"version"`
	RouteKey       string            `json:"routeKey"`
	RawPath        string            `json:"rawPath"`
	RawQueryString string            `json:"rawQueryString"`
	Cookies        []string          `json:"cookies,omitempty"`
	Headers        map[string]string `json:"headers"`
	Query          map[string]string `json:"queryStringParameters,omitempty"`
	Context        requestContext    `json:"requestContext"`
	Body           *string           `json:"body,omitempty"`
	Base64         bool              `json:"isBase64Encoded"`
}

type requestContext struct {
	AccountID    string      `json:"accountId"`
	APIID        string      `json:"apiId"`
	Authorizer   *authorizer `json:"authorizer,omitempty"`
	DomainName   string      `json:"domainName"`
	DomainPrefix string      `json:"domainPrefix"`
	HTTP         httpContext `json:"http"`
	RequestID    string      `json:"requestId"`
	RouteKey     string      `json:"routeKey"`
	Stage        string      `json:"stage"`
	Time         string      `json:"time"`
	TimeEpoch    int64       `json:"timeEpoch"`
}

type httpContext struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// authorizer is who signed the request. Users and their ids are not known here.
type authorizer struct {
	IAM iamAuthorizer `json:"iam"`
}

type iamAuthorizer struct {
	AccessKey      string  `json:"accessKey"`
	AccountID      string  `json:"accountId"`
	CallerID       string  `json:"callerId"`
	CognitoID      *string `json:"cognitoIdentity"`
	PrincipalOrgID *string `json:"principalOrgId"`
	UserARN        string  `json:"userArn"`
	UserID         string  `json:"userId"`
}

// anonymous is the account of a URL that anybody may call.
const anonymous = "anonymous"

// defaultRoute is the only route and stage.
const defaultRoute = "$default"

func newEvent(r *http.Request, body []byte, u URL, now time.Time, id, root string) ([]byte, error) {
	now = now.UTC()
	prefix, _, _ := strings.Cut(u.Host, ".")
	e := event{
		Version: "2.0", RouteKey: defaultRoute, RawPath: r.URL.EscapedPath(), RawQueryString: r.URL.RawQuery,
		Cookies: cookies(r), Headers: headers(r, u, root), Query: query(r.URL.RawQuery),
		Context: requestContext{
			AccountID: anonymous, APIID: prefix, DomainName: u.Host, DomainPrefix: prefix,
			HTTP:      httpContext{r.Method, r.URL.Path, "HTTP/1.1", sourceIP(r), r.UserAgent()},
			RequestID: id, RouteKey: defaultRoute, Stage: defaultRoute,
			Time: now.Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
		},
	}
	if e.RawPath == "" {
		e.RawPath, e.Context.HTTP.Path = "/", "/"
	}
	if u.Signed {
		key := accessKey(r)
		e.Context.AccountID = u.Account
		e.Context.Authorizer = &authorizer{iamAuthorizer{AccessKey: key, AccountID: u.Account, CallerID: key, UserARN: "arn:aws:iam::" + u.Account + ":root", UserID: key}}
	}
	if len(body) > 0 {
		text := string(body)
		if e.Base64 = !isText(r.Header) || !utf8.Valid(body); e.Base64 {
			text = base64.StdEncoding.EncodeToString(body)
		}
		e.Body = &text
	}
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("make event: %w", err)
	}
	return text, nil
}

// headers are in lower case, those with several values joined by commas, with those that Lambda's front end adds.
func headers(r *http.Request, u URL, root string) map[string]string {
	all := map[string]string{}
	for name, values := range r.Header {
		separator := ","
		if name == "Cookie" {
			separator = "; "
		}
		all[strings.ToLower(name)] = strings.Join(values, separator)
	}
	if r.ContentLength > 0 {
		all["content-length"] = fmt.Sprint(r.ContentLength)
	}
	all["host"] = u.Host
	all["x-amzn-trace-id"] = root
	all["x-amzn-tls-version"] = "TLSv1.3"
	all["x-amzn-tls-cipher-suite"] = "TLS_AES_128_GCM_SHA256"
	all["x-forwarded-for"] = sourceIP(r)
	all["x-forwarded-port"] = "443"
	all["x-forwarded-proto"] = "https"
	return all
}

// cookies of the request, one by one. They stay among the headers too: a function URL does that, an HTTP API does not.
func cookies(r *http.Request) []string {
	var all []string
	for _, line := range r.Header["Cookie"] {
		for _, cookie := range strings.Split(line, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				all = append(all, cookie)
			}
		}
	}
	return all
}

// query has the values decoded, and joined by commas where there are several of one name.
func query(raw string) map[string]string {
	values, _ := url.ParseQuery(raw) // what cannot be parsed stays in rawQueryString
	if len(values) == 0 {
		return nil
	}
	all := map[string]string{}
	for name, v := range values {
		all[name] = strings.Join(v, ",")
	}
	return all
}

// isText tells whether a body of this type is handed over as it is; all else is base64.
func isText(header http.Header) bool {
	if header.Get("Content-Encoding") != "" {
		return false
	}
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return false
	}
	switch kind {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(kind, "text/")
}

func sourceIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "127.0.0.1"
	}
	return host
}

// traceRoot is the trace that a request belongs to: the client's, or a new one.
func traceRoot(r *http.Request, now time.Time) string {
	for _, part := range strings.Split(r.Header.Get(traceHeader), ";") {
		if strings.HasPrefix(part, "Root=1-") {
			return part
		}
	}
	var id [12]byte
	_, _ = rand.Read(id[:]) // never fails
	return fmt.Sprintf("Root=1-%08x-%x", now.Unix(), id)
}

// invocationTrace is the header that the function sees: without active tracing nothing is sampled.
func invocationTrace(root string, u URL) string {
	var parent [8]byte
	_, _ = rand.Read(parent[:]) // never fails
	return fmt.Sprintf("%s;Parent=%x;Sampled=0;Lineage=1:%08x:0", root, parent, crc32.ChecksumIEEE([]byte(u.Function)))
}

const signature = "AWS4-HMAC-SHA256"

func isSigned(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), signature) || r.URL.Query().Get("X-Amz-Signature") != ""
}

// accessKey is who a signature says it is: Credential=KEY/date/region/lambda/aws4_request.
func accessKey(r *http.Request) string {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential = rest
	}
	key, _, _ := strings.Cut(credential, "/")
	return key
}
