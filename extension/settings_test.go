package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/afterglow-lambda/afterglow/settings"
)

// nonsense gives values that are wrong for a type, and some that are only strange.
func nonsense(t settings.Type) []string {
	all := []string{" ", "\xff\xfe\n", "nonsense,\x01", strings.Repeat("x,", 2000), "${HOME}", "*"}
	switch t {
	case settings.Bool:
		return append(all, "perhaps", "2")
	case settings.Bytes:
		return append(all, "-1", "1e99", "99999999999999999999", "0x10", "0")
	case settings.Duration:
		return append(all, "soon", "-5s", "1e99h", "NaN", "0", "9223372036854775807")
	case settings.Pairs:
		return append(all, "=,=;%zz", "a", "a=b=c,d", "\xff=1")
	case settings.Keys, settings.Places, settings.Hosts:
		return append(all, "-", "..", ".", "a,,b", "http://")
	case settings.Path:
		return append(all, "not/absolute", "/proc/nowhere/at/all", "/dev/full", "/proc/self/mem")
	case settings.URL:
		return append(all, "http://", "://", "ftp://example.com", "http://[::1", "http://a b/", "http://127.0.0.1:99999/")
	}
	return all
}

// TestSettingsOfEveryWrongKind: with any setting of any value the extension registers, asks for events and ends well, and says what it did not understand.
func TestSettingsOfEveryWrongKind(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the extension some hundred times")
	}
	for _, s := range settings.Table() {
		t.Run(s.Name, func(t *testing.T) {
			for _, value := range nonsense(s.Type) {
				said := runWith(t, s.Name, value)
				read := slices.Contains(s.Readers, settings.Extension)
				if read && isRead(s.Name) && s.Check(value) != nil && !strings.Contains(said, s.Name) {
					t.Errorf("%.20q is wrong, and nobody says so: %s", value, said)
				}
			}
		})
	}
}

// isRead tells whether a setting is read with nothing else set but an endpoint: those for one signal or for one way to authorize may be read by need.
func isRead(name string) bool {
	return !strings.Contains(name, "_LOGS_") && !strings.Contains(name, "_CLIENT_")
}

// runWith runs the extension in this process with one setting, until SHUTDOWN, and gives what it said.
func runWith(t *testing.T, name, value string) string {
	t.Helper()
	l := newLambda(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1")
	l.api.Start()
	env := map[string]string{}
	for _, entry := range l.env {
		k, v, _ := strings.Cut(entry, "=")
		env[k] = v
	}
	env[name] = value
	ended := make(chan int, 1)
	go func() {
		ended <- run(t.Context(), []string{"/opt/extensions/afterglow"}, func(key string) string { return env[key] }, func() []string { return l.env }, &l.output, func(zerolog.Logger) {})
	}()
	wait(t, l.registered, "register")
	l.awaitNext()
	l.send(fmt.Sprintf(`{"eventType":"SHUTDOWN","deadlineMs":%d,"shutdownReason":"spindown"}`, 1<<42))
	if code := wait(t, ended, "the end"); code != 0 {
		t.Errorf("%.20q: the extension ended with %d", value, code)
	}
	return l.output.String()
}
