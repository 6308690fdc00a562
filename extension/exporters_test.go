package main

import (
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/extension/internal/export"
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
