package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// An Authorizer puts onto requests what is not known when a Client is made. AWS.Signature and AWS.StoredHeaders make one.
type Authorizer interface {
	// authorize adds headers to a request whose body is at hand. It may ask others, within the request's context.
	authorize(r *http.Request, body []byte) error
	// refused is called after a 401 or 403 to a request that was made at a time. It returns true if the next authorize may know something new.
	refused(made time.Time) bool
}

// A signature is AWS's, version 4.
type signature struct {
	aws             *AWS
	service, region string
}

// Signature signs requests to a service of AWS.
func (a *AWS) Signature(service, region string) Authorizer { return &signature{a, service, region} }

func (s *signature) authorize(r *http.Request, body []byte) error {
	return s.aws.sign(r.Context(), r, body, s.service, s.region)
}

func (s *signature) refused(time.Time) bool { return s.aws.forget() }

// storedHeaders are kept in Secrets Manager or in SSM's Parameter Store. Exporters share them, and send side by side.
type storedHeaders struct {
	aws  *AWS
	id   string // ARN of a secret, or name or ARN of a parameter
	name string // of the one header whose value it is; "": it has the names in it

	turn    chan struct{} // whoever has put something in may fetch: one at a time, and the others wait for it no longer than for anything else
	mu      sync.Mutex
	header  http.Header // as it was fetched: it is not written to
	fetched time.Time
	again   time.Time // when a refusal last had it fetched
}

// StoredHeaders takes headers from where secrets are kept, when they are first needed: id is the ARN of a secret of Secrets Manager, or the
// name or ARN of a parameter of SSM. With a name, all that is kept is the value of the header of that name; else it holds names and values,
// as a JSON object of strings or in lines of name=value.
func (a *AWS) StoredHeaders(id, name string) Authorizer {
	return &storedHeaders{aws: a, id: id, name: name, turn: make(chan struct{}, 1)}
}

func (s *storedHeaders) authorize(r *http.Request, _ []byte) error {
	header, err := s.get(r.Context())
	if err != nil {
		return err
	}
	for name, values := range header {
		if !strings.HasPrefix(name, "Content-") { // those say what the body is
			r.Header[name] = values
		}
	}
	return nil
}

// get gives the headers, and fetches them if nobody has.
func (s *storedHeaders) get(ctx context.Context) (http.Header, error) {
	if header := s.held(); header != nil {
		return header, nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for headers that are fetched: %w", ctx.Err())
	}
	if header := s.held(); header != nil { // another one's turn brought them
		return header, nil
	}
	text, err := s.fetch(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetch the headers of AFTERGLOW_OTLP_SECRET: %w", err)
	}
	header, err := parseHeaders(text, s.name)
	if err != nil {
		return nil, fmt.Errorf("read the headers of AFTERGLOW_OTLP_SECRET: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.header, s.fetched = header, time.Now().Round(0)
	return header, nil
}

func (s *storedHeaders) held() http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.header
}

// refused lets go of what is held, once in a while: whoever keeps it may have changed it at any time, but what was wrong when it was fetched anew stays wrong. A request
// that was made before another one had it fetched says nothing about what that brought.
func (s *storedHeaders) refused(made time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.header == nil || s.fetched.After(made) {
		return true
	}
	now := time.Now().Round(0)
	if now.Sub(s.again) < leastRefresh {
		return false
	}
	s.header, s.again = nil, now
	return true
}

// fetch gets the text. Both services speak JSON 1.1: the operation is a header, the rest a small object.
func (s *storedHeaders) fetch(ctx context.Context) (string, error) {
	service, target, input := "ssm", "AmazonSSM.GetParameter", any(map[string]any{"Name": s.id, "WithDecryption": true})
	region := s.aws.region
	if arn := strings.SplitN(s.id, ":", 6); arn[0] == "arn" {
		if len(arn) < 6 || arn[2] != "secretsmanager" && arn[2] != "ssm" || arn[3] == "" {
			return "", errors.New("not an ARN of a secret or a parameter; write arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME or a parameter's name")
		}
		region = arn[3]
		if arn[2] == "secretsmanager" {
			service, target, input = "secretsmanager", "secretsmanager.GetSecretValue", map[string]string{"SecretId": s.id}
		}
	}
	body, err := json.Marshal(input)
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.aws.endpoint(service, region)+"/", strings.NewReader(string(body)))
	if err != nil {
		return "", errors.New("the endpoint of " + service + " is not a URL")
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", target)
	if err := s.aws.sign(ctx, request, body, service, region); err != nil {
		return "", err
	}
	status, answer, err := roundTrip(s.aws.proxied, request)
	if err != nil {
		return "", fmt.Errorf("call %s: %w", target, err)
	}
	var given struct {
		SecretString string
		Parameter    struct{ Value string }
		Type         string `json:"__type"`
	}
	if err := json.Unmarshal(answer, &given); err != nil {
		given.Type = "not JSON" // and err might quote it
	}
	if status != http.StatusOK {
		// Its type says enough. Its message may hold anything.
		kind := given.Type[strings.LastIndexByte(given.Type, '#')+1:]
		return "", fmt.Errorf("call %s: answered %d: %s", target, status, secrets(nil).readable([]byte(kind)))
	}
	if text := strings.TrimSpace(given.SecretString + given.Parameter.Value); text != "" {
		return text, nil
	}
	return "", fmt.Errorf("call %s: there is no text in the answer", target)
}

// parseHeaders reads what was kept. Its errors show none of it.
func parseHeaders(text, name string) (http.Header, error) {
	pairs := map[string]string{}
	switch {
	case name != "":
		pairs[name] = text
	case strings.HasPrefix(text, "{"):
		if json.Unmarshal([]byte(text), &pairs) != nil {
			return nil, errors.New("it is not a JSON object of strings")
		}
	default:
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			k, v, ok := strings.Cut(line, "=")
			if !ok {
				return nil, errors.New("a line is not name=value; if it is the value of one header, set AFTERGLOW_OTLP_SECRET_HEADER to the header's name")
			}
			pairs[strings.TrimSpace(k)] = strings.TrimSpace(v)
		}
	}
	header := http.Header{}
	for k, v := range pairs {
		if !isToken(k) || !isValue(v) {
			return nil, errors.New("a name or value has characters that are not allowed in a header")
		}
		header.Set(k, v)
	}
	return header, nil
}
