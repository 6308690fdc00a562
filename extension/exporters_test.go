package main

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
	"github.com/afterglow-lambda/afterglow/settings"
)

// TestOTLPVariables: opentelemetry.io/docs/specs/otel/protocol/exporter/ says what goes before what.
func TestOTLPVariables(t *testing.T) {
	defaults := export.Options{URL: "http://c:4318/v1/traces", Compress: true, Timeout: 3 * time.Second, UserAgent: "afterglow/" + release}
	tests := []struct {
		name     string
		env      map[string]string
		want     func(*export.Options)
		warnings int
	}{
		{"base alone", nil, func(*export.Options) {}, 0},
		{"base with a path", map[string]string{"ENDPOINT": "http://c:4318/a/"}, func(o *export.Options) { o.URL = "http://c:4318/a/v1/traces" }, 0},
		{"base with a query", map[string]string{"ENDPOINT": "http://c:4318/a?k=v"}, func(o *export.Options) { o.URL = "http://c:4318/a/v1/traces?k=v" }, 0},
		{"for traces", map[string]string{"TRACES_ENDPOINT": "https://t/x/"}, func(o *export.Options) { o.URL = "https://t/x/" }, 0},
		{"headers", map[string]string{"HEADERS": "a=1,b=x%2Cy%20z"}, func(o *export.Options) { o.Headers = map[string]string{"a": "1", "b": "x,y z"} }, 0},
		{"headers for traces", map[string]string{"HEADERS": "a=1", "TRACES_HEADERS": "b=2"}, func(o *export.Options) { o.Headers = map[string]string{"b": "2"} }, 0},
		{"compression", map[string]string{"COMPRESSION": "none"}, func(o *export.Options) { o.Compress = false }, 0},
		{"compression for traces", map[string]string{"COMPRESSION": "none", "TRACES_COMPRESSION": "gzip"}, func(*export.Options) {}, 0},
		{"timeouts", map[string]string{"TIMEOUT": "250", "TRACES_TIMEOUT": "750"}, func(o *export.Options) { o.Timeout = 750 * time.Millisecond }, 0},
		{"another protocol", map[string]string{"PROTOCOL": "grpc", "TRACES_PROTOCOL": "http/json"}, func(*export.Options) {}, 2},
		{"certificates", map[string]string{"CERTIFICATE": "/a", "CLIENT_CERTIFICATE": "/b", "CLIENT_KEY": "/c"}, func(o *export.Options) {
			o.CertificateFile, o.ClientCertificateFile, o.ClientKeyFile = "/a", "/b", "/c"
		}, 0},
		{"certificates for traces", map[string]string{"CERTIFICATE": "/a", "TRACES_CERTIFICATE": "/d", "TRACES_CLIENT_CERTIFICATE": "/e", "TRACES_CLIENT_KEY": "/f"}, func(o *export.Options) {
			o.CertificateFile, o.ClientCertificateFile, o.ClientKeyFile = "/d", "/e", "/f"
		}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := map[string]string{"ENDPOINT": "http://c:4318"}
			maps.Copy(env, test.env)
			v := settings.Read(func(name string) string { return env[name[len("OTEL_EXPORTER_OTLP_"):]] })
			want := defaults
			test.want(&want)
			if got := otlpOptions(v, tracesURL(v)); !reflect.DeepEqual(got, want) || len(v.Warnings()) != test.warnings {
				t.Errorf("got %+v, want %+v, warnings %v", got, want, v.Warnings())
			}
		})
	}
}

func TestExporters(t *testing.T) {
	const collector, xray = "http://127.0.0.1:1", "https://xray.eu-central-1.amazonaws.com/v1/traces"
	tests := []struct {
		name                        string
		exporters, endpoint, region string
		want                        string // the type of what is made
		unset                       bool
		errs, warnings              int
	}{
		{"nothing is said", "", "", "r", "<nil>", true, 0, 0},
		{"an endpoint alone", "", collector, "r", "*export.Client", false, 0, 0},
		{"otlp and an endpoint", "otlp", collector, "r", "*export.Client", false, 0, 0},
		{"otlp and no endpoint", "otlp", "", "r", "*export.Client", false, 0, 0},
		{"X-Ray", "xray", "", "r", "*export.Group", false, 0, 0},
		{"X-Ray and nobody knows where", "xray", "", "", "<nil>", false, 1, 0},
		{"an endpoint that is X-Ray", "", xray, "r", "*export.Group", false, 0, 0},
		{"the log", "log", "", "r", "*export.Log", false, 0, 0},
		{"all, some twice", "otlp, XRAY,log,otlp", collector, "r", "*export.Group", false, 0, 0},
		{"one of two cannot be made", "xray,log", "", "", "*export.Log", false, 1, 0},
		{"none", "none", collector, "r", "<nil>", false, 0, 0},
		{"a word that is none", "zipkin", collector, "r", "*export.Client", false, 0, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := map[string]string{"AFTERGLOW_EXPORTERS": test.exporters, "AWS_REGION": test.region, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": test.endpoint}
			getenv := func(name string) string { return env[name] }
			v := settings.Read(getenv)
			sender, unset, errs := newSender(v, getenv, io.Discard)
			got := "<nil>"
			if sender != nil {
				got = reflect.TypeOf(sender).String()
			}
			if got != test.want || unset != test.unset || len(errs) != test.errs || len(v.Warnings()) != test.warnings {
				t.Errorf("made %s, unset: %v, %v, warnings %v", got, unset, errs, v.Warnings())
			}
		})
	}
}

// TestSeveralExporters: the process sends what it has to each of them; one that is down keeps nothing from the others.
func TestSeveralExporters(t *testing.T) {
	for _, down := range []bool{false, true} {
		otlp, xray := collector(t), collector(t)
		if down {
			otlp.Otherwise(otlptest.Answer{Status: 503})
		}
		l := newLambda(t, "AFTERGLOW_EXPORTERS=otlp,xray,log", "OTEL_EXPORTER_OTLP_ENDPOINT="+otlp.URL(), "OTEL_EXPORTER_OTLP_HEADERS=api-key=hunter2",
			"AWS_ENDPOINT_URL_XRAY="+xray.URL(), "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=hunter2", "AWS_SESSION_TOKEN=token").start()
		l.ready()
		for _, id := range []string{"A", "B"} {
			l.hook(id, true)
			l.invoke(id, patience)
			l.awaitNext()
		}
		l.shutdown()
		spans(t, xray, 4)
		if want := 4; !down {
			spans(t, otlp, want)
		}
		for _, q := range xray.Requests() {
			if a := q.Header.Get("Authorization"); q.Path != "/v1/traces" || !strings.HasPrefix(a, "AWS4-HMAC-SHA256 Credential=AKID/") || !strings.Contains(a, "/eu-central-1/xray/aws4_request") || q.Header.Get("Api-Key") != "" {
				t.Errorf("request to %s with %v", q.Path, q.Header)
			}
		}
		var d otlplog.Decoder
		var replayed []byte
		for line := range strings.Lines(l.output.String()) {
			b, err := d.Decode(line)
			if err != nil {
				t.Error(err)
			}
			if b != nil {
				replayed = append(replayed, b.Payload...)
			}
		}
		again := collector(t)
		response, err := http.Post(again.URL()+"/v1/traces", "application/x-protobuf", strings.NewReader(string(replayed)))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		spans(t, again, 4)
		if strings.Contains(l.output.String(), "hunter2") {
			t.Error("the log shows a key")
		}
		if said := strings.Contains(l.output.String(), "cannot export to all"); said != down {
			t.Errorf("down: %v, said: %s", down, l.output.String())
		}
	}
}

// TestKeysFromSSM: the process asks for them when it has something to send, and not before.
func TestKeysFromSSM(t *testing.T) {
	var asked []string
	ssm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		asked = append(asked, r.Header.Get("X-Amz-Target")+" "+string(body))
		_, wrong := io.WriteString(w, `{"Parameter":{"Value":"hunter2"}}`)
		if err := errors.Join(err, wrong); err != nil {
			t.Error(err)
		}
	}))
	defer ssm.Close()
	r := collector(t)
	l := newLambda(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+r.URL(), "AFTERGLOW_OTLP_SECRET=/collector/key", "AFTERGLOW_OTLP_SECRET_HEADER=api-key",
		"AWS_ENDPOINT_URL_SSM="+ssm.URL, "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=x").start()
	l.ready()
	for _, id := range []string{"A", "B"} {
		l.hook(id, true)
		l.invoke(id, patience)
		l.awaitNext()
	}
	l.shutdown()
	spans(t, r, 4)
	for _, q := range r.Requests() {
		if q.Header.Get("Api-Key") != "hunter2" {
			t.Errorf("sent with %v", q.Header)
		}
	}
	if len(asked) != 1 || asked[0] != `AmazonSSM.GetParameter {"Name":"/collector/key","WithDecryption":true}` || l.output.String() != "" {
		t.Errorf("asked %q, said %s", asked, l.output.String())
	}
}
