package main

import (
	"cmp"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/extension/internal/deliver"
	"github.com/afterglow-lambda/afterglow/extension/internal/export"
	"github.com/afterglow-lambda/afterglow/extension/otlplog"
	"github.com/afterglow-lambda/afterglow/internal/otlptest"
	"github.com/afterglow-lambda/afterglow/settings"
)

// TestOTLPVariables: opentelemetry.io/docs/specs/otel/protocol/exporter/ says what goes before what.
func TestOTLPVariables(t *testing.T) {
	defaults := export.Endpoint{URL: "http://c:4318/v1/traces", Compress: true, Timeout: 3 * time.Second, UserAgent: "afterglow/" + release}
	tests := []struct {
		name     string
		env      map[string]string
		want     func(*export.Endpoint)
		warnings int
	}{
		{"base alone", nil, func(*export.Endpoint) {}, 0},
		{"base with a path", map[string]string{"ENDPOINT": "http://c:4318/a/"}, func(o *export.Endpoint) { o.URL = "http://c:4318/a/v1/traces" }, 0},
		{"base with a query", map[string]string{"ENDPOINT": "http://c:4318/a?k=v"}, func(o *export.Endpoint) { o.URL = "http://c:4318/a/v1/traces?k=v" }, 0},
		{"for traces", map[string]string{"TRACES_ENDPOINT": "https://t/x/"}, func(o *export.Endpoint) { o.URL = "https://t/x/" }, 0},
		{"headers", map[string]string{"HEADERS": "a=1,b=x%2Cy%20z"}, func(o *export.Endpoint) { o.Headers = map[string]string{"a": "1", "b": "x,y z"} }, 0},
		{"headers for traces", map[string]string{"HEADERS": "a=1", "TRACES_HEADERS": "b=2"}, func(o *export.Endpoint) { o.Headers = map[string]string{"b": "2"} }, 0},
		{"compression", map[string]string{"COMPRESSION": "none"}, func(o *export.Endpoint) { o.Compress = false }, 0},
		{"compression for traces", map[string]string{"COMPRESSION": "none", "TRACES_COMPRESSION": "gzip"}, func(*export.Endpoint) {}, 0},
		{"timeouts", map[string]string{"TIMEOUT": "250", "TRACES_TIMEOUT": "750"}, func(o *export.Endpoint) { o.Timeout = 750 * time.Millisecond }, 0},
		{"another protocol", map[string]string{"PROTOCOL": "grpc", "TRACES_PROTOCOL": "http/json"}, func(*export.Endpoint) {}, 2},
		{"certificates", map[string]string{"CERTIFICATE": "/a", "CLIENT_CERTIFICATE": "/b", "CLIENT_KEY": "/c"}, func(o *export.Endpoint) {
			o.CertificateFile, o.ClientCertificateFile, o.ClientKeyFile = "/a", "/b", "/c"
		}, 0},
		{"certificates for traces", map[string]string{"CERTIFICATE": "/a", "TRACES_CERTIFICATE": "/d", "TRACES_CLIENT_CERTIFICATE": "/e", "TRACES_CLIENT_KEY": "/f"}, func(o *export.Endpoint) {
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
			got := otlpEndpoint(v, signalURL(v, otlplog.Traces), otlplog.Traces)
			got.Variables = export.Variables{} // see TestErrorsNameTheVariable
			if !reflect.DeepEqual(got, want) || len(v.Warnings()) != test.warnings {
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
		want                        string // names and signals
		unset                       bool
		errs, warnings              int
	}{
		{"nothing is said", "", "", "r", "", true, 0, 0},
		{"an endpoint alone", "", collector, "r", "otlp: traces, abreast", false, 0, 0},
		{"otlp and an endpoint", "otlp", collector, "r", "otlp: traces, abreast", false, 0, 0},
		{"otlp and no endpoint", "otlp", "", "r", "otlp: traces metrics logs, abreast", false, 0, 0},
		{"X-Ray", "xray", "", "r", "xray: traces, limited", false, 0, 0},
		{"X-Ray and nobody knows where", "xray", "", "", "", false, 1, 0},
		{"an endpoint that is X-Ray", "", xray, "r", "otlp: traces, limited", false, 0, 0},
		{"the log", "log", "", "r", "log: traces metrics logs", false, 0, 0},
		{"all, some twice", "otlp, XRAY,log,otlp", collector, "r", "otlp: traces, abreast; xray: traces, limited; log: traces metrics logs", false, 0, 0},
		{"one of two cannot be made", "xray,log", "", "", "log: traces metrics logs", false, 1, 0},
		{"none", "none", collector, "r", "", false, 0, 0},
		{"a word that is none", "zipkin", collector, "r", "otlp: traces, abreast", false, 0, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := map[string]string{"AFTERGLOW_EXPORTERS": test.exporters, "AWS_REGION": test.region, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": test.endpoint}
			getenv := func(name string) string { return env[name] }
			v := settings.Read(getenv)
			exporters, unset, errs := newExporters(v, getenv, io.Discard)
			if got := describe(exporters); got != test.want || unset != test.unset || len(errs) != test.errs || len(v.Warnings()) != test.warnings {
				t.Errorf("made %s, unset: %v, %v, warnings %v", got, unset, errs, v.Warnings())
			}
		})
	}
}

func describe(exporters []deliver.Exporter) string {
	var all []string
	for _, e := range exporters {
		text := e.Name + ": " + strings.Join(e.Signals, " ")
		if e.Limits != (export.Limits{}) {
			text += ", limited"
		}
		if e.Abreast {
			text += ", abreast"
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// TestErrorsNameTheVariable that is wrong, the one of the signal if it is that one, and what to do.
func TestErrorsNameTheVariable(t *testing.T) {
	for _, test := range []struct{ name, env, told string }{
		{"header", "HEADERS=api-key=a%0Ab", "OTEL_EXPORTER_OTLP_HEADERS: "},
		{"header of a signal", "TRACES_HEADERS=a=b%0Ac", "OTEL_EXPORTER_OTLP_TRACES_HEADERS: "},
		{"authorities", "CERTIFICATE=/nope.pem", "read OTEL_EXPORTER_OTLP_CERTIFICATE: open /nope.pem"},
		{"authorities of a signal", "CERTIFICATE=/x TRACES_CERTIFICATE=/nope.pem", "read OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: open /nope.pem"},
		{"no key", "CLIENT_CERTIFICATE=/nope.pem", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: it and OTEL_EXPORTER_OTLP_CLIENT_KEY go together: set both"},
		{"no certificate", "TRACES_CLIENT_KEY=/nope.pem", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: it and OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY go together: set both"},
		{"client's files", "TRACES_CLIENT_CERTIFICATE=/nope.pem CLIENT_KEY=/nope", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY: open /nope.pem"},
	} {
		t.Run(test.name, func(t *testing.T) {
			env := map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://127.0.0.1:1"}
			for _, pair := range strings.Fields(test.env) {
				name, value, _ := strings.Cut(pair, "=")
				env["OTEL_EXPORTER_OTLP_"+name] = value
			}
			getenv := func(name string) string { return env[name] }
			_, _, errs := newExporters(settings.Read(getenv), getenv, io.Discard)
			if len(errs) != 1 || !strings.Contains(errs[0].Error(), test.told) {
				t.Errorf("got %v, want %s", errs, test.told)
			}
		})
	}
}

// TestSignalsGoWhereTheVariablesSay: those for a signal before those for all, and one that nobody says anything of goes nowhere.
func TestSignalsGoWhereTheVariablesSay(t *testing.T) {
	const base, metrics, logs = "http://c:4318", "http://m:4318/x", "http://c:4318/l"
	tests := []struct {
		name, env string
		want      string // URLs
		exporters string
	}{
		{"a base", "ENDPOINT=" + base, "http://c:4318/v1/traces http://c:4318/v1/metrics http://c:4318/v1/logs", "otlp: traces metrics logs, abreast"},
		{"a base and another for metrics", "ENDPOINT=" + base + " METRICS_ENDPOINT=" + metrics, "http://c:4318/v1/traces http://m:4318/x http://c:4318/v1/logs", "otlp: traces logs, abreast; otlp-metrics: metrics, abreast"},
		{"metrics alone", "METRICS_ENDPOINT=" + metrics, "- http://m:4318/x -", "otlp: metrics, abreast"},
		{"the same host", "TRACES_ENDPOINT=" + base + "/t LOGS_ENDPOINT=" + logs, "http://c:4318/t - http://c:4318/l", "otlp: traces logs, abreast"},
		{"X-Ray for traces", "ENDPOINT=" + base + " TRACES_ENDPOINT=https://xray.eu-west-1.amazonaws.com/v1/traces",
			"https://xray.eu-west-1.amazonaws.com/v1/traces http://c:4318/v1/metrics http://c:4318/v1/logs", "otlp: traces, limited; otlp-metrics: metrics logs, abreast"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := map[string]string{"AFTERGLOW_EXPORTERS": "otlp"}
			for _, pair := range strings.Fields(test.env) {
				name, value, _ := strings.Cut(pair, "=")
				env["OTEL_EXPORTER_OTLP_"+name] = value
			}
			getenv := func(name string) string { return env[name] }
			v := settings.Read(getenv)
			endpoints := otlpEndpoints(v, export.NewAWS(getenv))
			var urls []string
			for _, signal := range signals() {
				urls = append(urls, cmp.Or(endpoints[signal].URL, "-"))
			}
			exporters, _, errs := newExporters(v, getenv, io.Discard)
			if got := strings.Join(urls, " "); got != test.want || describe(exporters) != test.exporters || len(errs) > 0 {
				t.Errorf("got %s; %s, %v", got, describe(exporters), errs)
			}
		})
	}
}

// TestVariablesOfEachSignal: what is set for one signal changes nothing of another.
func TestVariablesOfEachSignal(t *testing.T) {
	for _, signal := range signals() {
		for _, other := range signals() {
			v := settings.Read(func(name string) string {
				own, ok := strings.CutPrefix(name, "OTEL_EXPORTER_OTLP_"+strings.ToUpper(signal)+"_")
				if !ok {
					return ""
				}
				return map[string]string{"HEADERS": "a=1", "COMPRESSION": "none", "TIMEOUT": "1", "CERTIFICATE": "/a", "CLIENT_CERTIFICATE": "/b", "CLIENT_KEY": "/c"}[own]
			})
			want := export.Endpoint{URL: "u", UserAgent: "afterglow/" + release, Compress: true, Timeout: 3 * time.Second}
			if signal == other {
				want = export.Endpoint{URL: "u", UserAgent: want.UserAgent, Timeout: time.Millisecond, Headers: map[string]string{"a": "1"}, CertificateFile: "/a", ClientCertificateFile: "/b", ClientKeyFile: "/c"}
			}
			got := otlpEndpoint(v, "u", other)
			got.Variables = export.Variables{}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s set, %s has %+v", signal, other, got)
			}
		}
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
			if b != nil && b.Signal == otlplog.Traces {
				replayed = append(replayed, b.Payload...)
			}
		}
		again := collector(t)
		post(t, again, replayed)
		spans(t, again, 4)
		if strings.Contains(l.output.String(), "hunter2") {
			t.Error("the log shows a key")
		}
		if said := strings.Contains(l.output.String(), `"exporter":"otlp","signal":"traces","error":"export: collector answered 503`); said != down {
			t.Errorf("down: %v, said: %s", down, l.output.String())
		}
	}
}

// post sends a request for traces.
func post(t *testing.T, r *otlptest.Receiver, payload []byte) {
	t.Helper()
	response, err := http.Post(r.URL()+"/v1/traces", "application/x-protobuf", strings.NewReader(string(payload)))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
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

// TestACollectorDoesNotWriteTheLog: what it sends behind its answer, such as the request with its headers, is nothing for the function's log.
func TestACollectorDoesNotWriteTheLog(t *testing.T) {
	sent := make(chan bool, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\napi-key: "+r.Header.Get("Api-Key")+"\r\n")
		_, _ = io.Copy(io.Discard, conn) // until it is noticed
		sent <- true
	}))
	defer s.Close()
	l := newLambda(t, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+s.URL, "OTEL_EXPORTER_OTLP_HEADERS=api-key=hunter2").start()
	l.ready()
	l.hook("A", true)
	l.invoke("A", patience)
	l.awaitNext()
	wait(t, sent, "the end of the connection")
	l.shutdown()
	if l.output.String() != "" {
		t.Errorf("said: %s", l.output.String())
	}
}

// TestGoesOut: what nobody takes need not be heard of.
func TestGoesOut(t *testing.T) {
	for _, test := range []struct {
		name string
		env  map[string]string
		want string // the signals
	}{
		{"nothing is said", nil, ""},
		{"none", map[string]string{"AFTERGLOW_EXPORTERS": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, ""},
		{"an endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, "traces metrics logs"},
		{"an endpoint for metrics", map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c"}, "metrics"},
		{"otlp, and nobody says where", map[string]string{"AFTERGLOW_EXPORTERS": "otlp"}, "traces metrics logs"},
		{"X-Ray", map[string]string{"AFTERGLOW_EXPORTERS": "xray", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, "traces"},
		{"X-Ray, and an endpoint for logs", map[string]string{"AFTERGLOW_EXPORTERS": "xray,otlp", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://c"}, "traces logs"},
		{"the log", map[string]string{"AFTERGLOW_EXPORTERS": "none,log"}, "traces metrics logs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := settings.Read(func(name string) string { return test.env[name] })
			env := func(name string) string { return cmp.Or(test.env[name], map[string]string{"AWS_REGION": "r"}[name]) }
			d, _, _ := newDelivery(v, env, io.Discard, zerolog.Nop())
			var got, taken []string
			for _, signal := range signals() {
				if goesOut(v, signal) {
					got = append(got, signal)
				}
				if d != nil && d.Takes(signal) {
					taken = append(taken, signal)
				}
			}
			if strings.Join(got, " ") != test.want || strings.Join(taken, " ") != test.want {
				t.Errorf("goes out: %q, is taken: %q, want %q", got, taken, test.want)
			}
		})
	}
}
