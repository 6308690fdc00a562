// Package deployed reads back what was deployed: every function of an AWS-compatible endpoint with its
// code, layers, environment and triggers, through AWS's own Lambda API and nothing else.
//
// It takes an endpoint and a folder. It gives the functions as package lambdalocal takes them, their
// code and layers unpacked into the folder with the modes that the zips have. What of an endpoint cannot run
// here is given too, with the reason.
//
// It changes nothing but by Redirect and Restore, which MiniStack is for. A client that is made to only read
// refuses to send anything but GET, whoever asks.
package deployed

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// answerWithin bounds one request, downloads included: an endpoint that does not answer is told of.
const answerWithin = 2 * time.Minute

// Function is a deployed function and what about it is no part of running it.
type Function struct {
	lambdalocal.Function
	LogicalID    string // in its CloudFormation stack; "" if it has none
	Stack        string // its name; "" if it is in none
	Architecture string // "arm64" or "x86_64"
	Tenants      bool   // it has tenant isolation
	Fingerprint  Fingerprint

	// Problem is why it cannot run here; nil if it can.
	Problem error
}

// Endpoint says where the functions are and who asks.
type Endpoint struct {
	URL, Region, AccessKey, SecretKey, SessionToken string

	// ReadOnly lets the client send GET only.
	ReadOnly bool

	// Code names folders to use instead of what the endpoint has, by the name of a function or a layer: for endpoints
	// that do not hand code out.
	Code map[string]string
}

// Client reads and redirects the functions of an endpoint.
type Client struct {
	endpoint Endpoint
	lambda   *lambda.Client
	http     *http.Client

	mu     sync.Mutex        // one reads at a time
	layers map[string]string // folders of unpacked layers by ARN: a layer version never changes
	reads  int               // how often functions were read, for folder names

	stretchedMu sync.Mutex
	stretched   map[string]stretch // by function
}

// NewClient makes a client. It opens no connection.
func NewClient(e Endpoint) *Client {
	transport := &http.Transport{} // never through the user's proxy: what we ask is on this machine
	if IsAWS(e.URL) {
		transport.Proxy = http.ProxyFromEnvironment
	}
	asker := &http.Client{Transport: transport, Timeout: answerWithin}
	if e.ReadOnly {
		asker.Transport = onlyReads{transport}
	}
	return &Client{
		endpoint: e, http: asker, layers: map[string]string{}, stretched: map[string]stretch{},
		lambda: lambda.New(lambda.Options{
			Region:       e.Region,
			BaseEndpoint: aws.String(e.URL),
			HTTPClient:   asker,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: e.AccessKey, SecretAccessKey: e.SecretKey, SessionToken: e.SessionToken}, nil
			}),
		}),
	}
}

// Close gives connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// errReadOnly is what a client says that was made to only read.
var errReadOnly = errors.New("this endpoint is only read, never changed")

// onlyReads lets nothing pass that could change something. Everything of Lambda's API that reads is a GET.
type onlyReads struct{ *http.Transport }

func (t onlyReads) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		return nil, errReadOnly
	}
	return t.Transport.RoundTrip(r)
}

// HostArchitecture is Lambda's word for this machine's architecture.
func HostArchitecture() string {
	if runtime.GOARCH == "amd64" {
		return string(types.ArchitectureX8664)
	}
	return runtime.GOARCH
}
