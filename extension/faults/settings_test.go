package faults

import (
	"slices"
	"strings"

	"github.com/afterglow-lambda/afterglow/settings"
)

// nonsense values of each type, the worst one first.
func wrong(t settings.Type) []string {
	switch t {
	case settings.Bool:
		return []string{"perhaps", "2", "yes please", "\xff"}
	case settings.Bytes:
		return []string{"-1", "many", "1e99", "99999999999999999999", "0x10", " "}
	case settings.Duration:
		return []string{"soon", "-5s", "1e99h", "NaN", "0"}
	case settings.Enum, settings.Set:
		return []string{"nonsense,\xff", ",,,", "a b c", strings.Repeat("x", 1000)}
	case settings.List, settings.Keys, settings.Places, settings.Hosts:
		return []string{",,,\xff,", strings.Repeat("x,", 500), "*", "."}
	case settings.Pairs:
		return []string{"=,=;%zz", "a", "a=b=c,d", "\xff=1", strings.Repeat("k=v,", 250)}
	case settings.Path:
		return []string{"not/absolute", "~", "\xff"}
	case settings.URL:
		return []string{"http://", "://", "ftp://example.com", "localhost:4318", "http://[::1", "http://a b/"}
	}
	return []string{"\xff\xfe\n", " ", "${HOME}", strings.Repeat("x", 1000)}
}

// settingRows run the extension and the hooks with each setting that they read set to nonsense, one at a time: the first value of its kind always, the
// others in CI and with -full. A wrong value counts as unset, so everything arrives all the same.
func settingRows() []row {
	var rows []row
	for _, setting := range settings.Table() {
		if setting.Name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
			continue // without it nothing is exported: a row of its own
		}
		for n, value := range wrong(setting.Type) {
			rows = append(rows, settingRow(setting.Name, value, n > 0))
		}
	}
	return rows
}

// obeyed are settings of which no value is wrong, and all of these lead nowhere: there is no such secret.
var obeyed = []string{"AFTERGLOW_OTLP_SECRET"}

func settingRow(name, value string, slow bool) row {
	shown := strings.ToValidUTF8(value[:min(len(value), 12)], "?")
	r := row{name: name + "=" + shown, slow: slow, unlisted: true, story: func(s *stage) {
		s.set.env[name] = value
		s.begin()
		s.busy(2)
	}}
	if slices.Contains(obeyed, name) {
		r.lost = []string{"undelivered"}
	}
	return r
}
