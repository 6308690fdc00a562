package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	// expiryLead is how long before their end credentials are asked for anew: a signed request may take some time to arrive.
	expiryLead = 5 * time.Minute
	// leastRefresh is the least time between two fetches that a 401 or 403 asks for. A wrong key stays wrong, and each fetch costs the invocation some
	// 50 ms and the account a call.
	leastRefresh = 5 * time.Minute
)

// AWS signs for AWS with the function's own role. Its methods may be called concurrently.
type AWS struct {
	getenv  func(string) string
	region  string
	signer  *v4.Signer
	proxied *http.Transport // to AWS
	direct  *http.Transport // to what hands out credentials, which is never behind a proxy

	mu       sync.Mutex
	held     aws.Credentials // of the container's endpoint
	forgotAt time.Time
}

// NewAWS takes the function's environment. It asks nobody for anything: what SnapStart keeps of an environment must not hold credentials, and
// nothing may be fetched before there was a response.
func NewAWS(getenv func(string) string) *AWS {
	region := getenv("AWS_REGION")
	if region == "" {
		region = getenv("AWS_DEFAULT_REGION")
	}
	// Calls are rare, so each has a connection of its own: a kept one would be dead after the next freeze.
	transport := func() *http.Transport {
		return &http.Transport{DialContext: dial, Protocols: http1(), DisableKeepAlives: true, TLSHandshakeTimeout: longestHandshake, MaxResponseHeaderBytes: maxAnswer}
	}
	a := &AWS{getenv: getenv, region: region, signer: v4.NewSigner(), proxied: transport(), direct: transport()}
	a.proxied.Proxy = http.ProxyFromEnvironment
	return a
}

// endpoint gives the base URL of a service, as AWS's SDKs find it: docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html.
func (a *AWS) endpoint(service, region string) string {
	if !a.isOn("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
		own := map[string]string{"secretsmanager": "AWS_ENDPOINT_URL_SECRETS_MANAGER", "ssm": "AWS_ENDPOINT_URL_SSM", "xray": "AWS_ENDPOINT_URL_XRAY"}
		for _, name := range [...]string{own[service], "AWS_ENDPOINT_URL"} {
			if u := strings.TrimRight(a.getenv(name), "/"); u != "" {
				return u
			}
		}
	}
	if a.isOn("AWS_USE_FIPS_ENDPOINT") {
		service += fips
	}
	suffix, dual := suffixes(region)
	if a.isOn("AWS_USE_DUALSTACK_ENDPOINT") {
		suffix = dual
	}
	return "https://" + service + "." + region + "." + suffix
}

func (a *AWS) isOn(name string) bool { return strings.EqualFold(a.getenv(name), "true") }

// Region is the function's.
func (a *AWS) Region() string { return a.region }

// XRayURL is X-Ray's OTLP endpoint for traces in the function's region.
func (a *AWS) XRayURL() string { return a.endpoint(xray, a.region) + "/v1/traces" }

const (
	xray = "xray"
	fips = "-fips" // behind a service's name
	// endpointPrefix begins the names of one's own endpoints in a VPC: vpce-<id>[-<zone>].<service>.<region>.vpce.<suffix>.
	endpointPrefix, endpointInfix = "vpce-", "vpce."
)

// XRayRegion tells the region of a URL that is X-Ray's, "" of any other: the service's own names, those for FIPS and for IPv6, and those of endpoints in a VPC
// (docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html).
func XRayRegion(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	within, rest, _ := strings.Cut(host, ".")
	if !strings.HasPrefix(within, endpointPrefix) {
		within, rest = "", host
	}
	service, rest, _ := strings.Cut(rest, ".")
	region, suffix, _ := strings.Cut(rest, ".")
	if service != xray && service != xray+fips {
		return ""
	}
	only, dual := suffixes(region)
	switch {
	case within == "" && (suffix == only || suffix == dual), within != "" && suffix == endpointInfix+only:
		return region
	}
	return ""
}

// suffixes gives the domain of a region's partition, and the one for IPv4 and IPv6; the names are those of the SDKs' partitions.json.
func suffixes(region string) (only, dual string) {
	for _, p := range [...]struct{ prefix, only, dual string }{
		{"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
		{"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
		{"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
		{"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
		{"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
		{"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p.only, p.dual
		}
	}
	return "amazonaws.com", "api.aws" // aws and aws-us-gov
}

// credentials gives those of the function's role: of the environment, or, with SnapStart, of the container's endpoint.
func (a *AWS) credentials(ctx context.Context) (aws.Credentials, error) {
	if id, key := a.getenv("AWS_ACCESS_KEY_ID"), a.getenv("AWS_SECRET_ACCESS_KEY"); id != "" && key != "" {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: key, SessionToken: a.getenv("AWS_SESSION_TOKEN")}, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	// Expires was read from text and has no monotonic clock, which may stand still in a freeze: the comparison is one of wall clocks.
	if a.held.AccessKeyID != "" && (!a.held.CanExpire || time.Until(a.held.Expires) > expiryLead) {
		return a.held, nil
	}
	held, err := a.fetchCredentials(ctx)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("get the role's credentials: %w", err)
	}
	a.held = held
	return held, nil
}

// forget drops credentials that were refused. It returns false if there is no hope for others.
func (a *AWS) forget() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.held.AccessKeyID == "" || time.Since(a.forgotAt) < leastRefresh {
		return false
	}
	a.held, a.forgotAt = aws.Credentials{}, time.Now().Round(0)
	return true
}

// fetchCredentials asks the container's endpoint: docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html.
func (a *AWS) fetchCredentials(ctx context.Context) (aws.Credentials, error) {
	at := a.getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if at == "" {
		return aws.Credentials{}, errors.New("neither AWS_ACCESS_KEY_ID nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set")
	}
	u, err := url.Parse(at)
	if err != nil || !a.mayHandOut(u) {
		return aws.Credentials{}, errors.New("AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor on this machine")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return aws.Credentials{}, errors.New("AWS_CONTAINER_CREDENTIALS_FULL_URI is not a URL")
	}
	token := a.getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
	if !isValue(token) {
		return aws.Credentials{}, errors.New("AWS_CONTAINER_AUTHORIZATION_TOKEN has characters that are not allowed in a header")
	}
	if token != "" {
		request.Header.Set("Authorization", token)
	}
	status, answer, err := roundTrip(a.direct, request)
	if err != nil {
		return aws.Credentials{}, err
	}
	var given struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		Token           string
		Expiration      time.Time
	}
	if status != http.StatusOK {
		return aws.Credentials{}, fmt.Errorf("the container's endpoint answered %d", status)
	}
	if json.Unmarshal(answer, &given) != nil || given.AccessKeyID == "" || given.SecretAccessKey == "" {
		return aws.Credentials{}, errors.New("the container's endpoint answered without credentials")
	}
	return aws.Credentials{
		AccessKeyID: given.AccessKeyID, SecretAccessKey: given.SecretAccessKey, SessionToken: given.Token,
		CanExpire: !given.Expiration.IsZero(), Expires: given.Expiration,
	}, nil
}

// mayHandOut tells whether the token may be sent there without encryption: to this machine, where Lambda's own endpoint is.
func (a *AWS) mayHandOut(u *url.URL) bool {
	if u.Scheme == "https" {
		return u.Host != ""
	}
	ip := net.ParseIP(u.Hostname())
	api, _, _ := strings.Cut(a.getenv("AWS_LAMBDA_RUNTIME_API"), ":")
	return u.Scheme == "http" && (ip != nil && (ip.IsLoopback() || ip.IsLinkLocalUnicast()) || u.Hostname() == "localhost" || api != "" && u.Hostname() == api)
}

// sign puts a signature on a request whose body is at hand.
func (a *AWS) sign(ctx context.Context, r *http.Request, body []byte, service, region string) error {
	credentials, err := a.credentials(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if err := a.signer.SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), service, region, time.Now()); err != nil {
		return fmt.Errorf("sign for %s: %w", service, err)
	}
	return nil
}

// roundTrip makes one request and reads its answer. Its errors do not show the URL.
func roundTrip(t *http.Transport, r *http.Request) (status int, answer []byte, err error) {
	outer := r.Context()
	ctx, connecting := newConnecting(outer)
	defer connecting.end()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connecting.done() }})
	response, err := t.RoundTrip(r.WithContext(ctx))
	if err == nil {
		defer response.Body.Close()
		answer, err = readAnswer(response)
	}
	if ended := outer.Err(); err != nil && ended != nil {
		err = ended
	}
	if err != nil {
		return 0, nil, err
	}
	return response.StatusCode, answer, nil
}
