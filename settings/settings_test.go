package settings

import (
	"errors"
	"flag"
	"maps"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write docs/settings.md anew")

const docs = "../docs/settings.md"

func TestTableIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Table() {
		if seen[s.Name] {
			t.Errorf("%s stands twice", s.Name)
		}
		seen[s.Name] = true
		if !strings.HasPrefix(s.Name, "AFTERGLOW_") && !strings.HasPrefix(s.Name, "OTEL_") {
			t.Errorf("%s is nobody's name", s.Name)
		}
		if err := s.Check(s.Default); err != nil {
			t.Errorf("default: %v", err)
		}
		if len(s.Readers) == 0 || s.Doc == "" || !strings.HasSuffix(s.Doc, ".") {
			t.Errorf("%s: no readers, or no doc that is a sentence", s.Name)
		}
		if (s.Type == Enum || s.Type == Set) != (len(s.Values) > 0) {
			t.Errorf("%s: values are for enums and sets", s.Name)
		}
	}
}

func TestCheck(t *testing.T) {
	cases := []struct {
		name, value string
		ok          bool
	}{
		{"AFTERGLOW_DISABLED", "", true},
		{"AFTERGLOW_DISABLED", "TRUE", true},
		{"AFTERGLOW_DISABLED", "0", true},
		{"AFTERGLOW_DISABLED", "yes", false},
		{"AFTERGLOW_LOG_LEVEL", "Debug", true},
		{"AFTERGLOW_LOG_LEVEL", "loud", false},
		{"AFTERGLOW_SPOOL_DIR", "/tmp/x", true},
		{"AFTERGLOW_SPOOL_DIR", "tmp/x", false},
		{"AFTERGLOW_SPOOL_DIR", "/tmp/\x00", false},
		{"AFTERGLOW_CAPTURE_BODY_BYTES", "0", true},
		{"AFTERGLOW_CAPTURE_BODY_BYTES", "-1", false},
		{"AFTERGLOW_CAPTURE_BODY_BYTES", "1e3", false},
		{"AFTERGLOW_CAPTURE_BODY_BYTES", "99999999999999999999", false},
		{"AFTERGLOW_CAPTURE_BODY_BYTES", "1048577", false},
		{"AFTERGLOW_DEADLINE_MARGIN", "200", true},
		{"AFTERGLOW_DEADLINE_MARGIN", "0.2s", true},
		{"AFTERGLOW_DEADLINE_MARGIN", "1h", false},
		{"AFTERGLOW_DEADLINE_MARGIN", "soon", false},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://c.example.com:4318", true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "c.example.com:4318", false},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://c.example.com", false},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1]:65535", true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c.example.com:65536", false},
		{"AFTERGLOW_EXPORTERS", "otlp, XRay,log", true},
		{"AFTERGLOW_EXPORTERS", "none", true},
		{"AFTERGLOW_EXPORTERS", "otlp,zipkin", false},
		{"OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20YQ==,x-a=b", true},
		{"OTEL_EXPORTER_OTLP_HEADERS", "authorization", false},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=%zz", false},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a/b=1", false},
		{"OTEL_RESOURCE_ATTRIBUTES", "=1", false},
		{"OTEL_RESOURCE_ATTRIBUTES", "a%=1", false},
		{"OTEL_RESOURCE_ATTRIBUTES", "a=%ff", false},
		{"AFTERGLOW_MASK_PRESET", "Strict", true},
		{"AFTERGLOW_MASK_PRESET", "stirct", false},
		{"AFTERGLOW_MASK_ALL", " request_body , QUERY,", true},
		{"AFTERGLOW_MASK_ALL", "request_body,headers", false},
		{"AFTERGLOW_MASK_DETECTORS_OFF", "cards", true},
		{"AFTERGLOW_MASK_DETECTORS_OFF", "all", false},
		{"AFTERGLOW_PRICE_GB_SECOND", "0.0000166667", true},
		{"AFTERGLOW_PRICE_GB_SECOND", "1.3e-5", true},
		{"AFTERGLOW_PRICE_GB_SECOND", "0", true},
		{"AFTERGLOW_PRICE_GB_SECOND", "-1", false},
		{"AFTERGLOW_PRICE_GB_SECOND", "NaN", false},
		{"AFTERGLOW_PRICE_GB_SECOND", "Inf", false},
		{"AFTERGLOW_PRICE_GB_SECOND", "$1", false},
		{"AFTERGLOW_NO_SUCH_THING", "1", false},
	}
	for _, c := range cases {
		err := Parse(c.name, c.value)
		if (err == nil) != c.ok {
			t.Errorf("%s=%q: %v", c.name, c.value, err)
		}
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Name != c.name || e.Remedy == "" || e.Problem == "") {
			t.Errorf("%s=%q: the error names too little: %#v", c.name, c.value, err)
		}
	}
}

func TestErrorsShowNoCredentials(t *testing.T) {
	for _, c := range []struct{ name, value string }{
		{"OTEL_EXPORTER_OTLP_HEADERS", "authorization: Bearer hunter2"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "api-key:hunter2="},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=%zzhunter2"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://user:hunter2@collector"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "user:hunter2@collector:4318"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector/?api-key=hunter2"},
		{"AFTERGLOW_DISABLED", "password=hunter2"},
		{"AFTERGLOW_LIMIT_FIELD_BYTES", "a-long-key-of-somebody-hunter2"},
		{"AFTERGLOW_MASK_PRESET", "Bearer hunter2"},
		{"AFTERGLOW_MASK_ALL", "query,me:hunter2"},
		{"AFTERGLOW_SPOOL_DIR", "s3://me:hunter2@h/"},
		{"AFTERGLOW_API_KEY", "hunter2"},
		{"AFTERGLOW_MASK_PRESET", "sk-hunter2hunter2345"},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "Xhunter2hunter2"},
		{"AFTERGLOW_MASK_ALL", "query,AKIAhunter2123456789"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://collector/sk-hunter2hunter2345"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "hunter2"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "my-hunter2"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "hunter2"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "Xhunter2"},
		{"OTEL_RESOURCE_ATTRIBUTES", "hunter2"},
		{"OTEL_RESOURCE_ATTRIBUTES", "a=hunter2%zz"},
	} {
		if err := Parse(c.name, c.value); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s=%s: the error shows it, or there is none: %v", c.name, c.value, err)
		}
	}
}

// TestErrorsShowWhatIsHarmless: who wrote the name of a host sees which.
func TestErrorsShowWhatIsHarmless(t *testing.T) {
	for value, want := range map[string]string{
		"collector.example.com": "…", "collector.example": `"collector.example"`, "my-collector": `"my-collector"`, "c.example.com:4318": "c.example.com:4318", "grpc://c.example.com": "grpc://c.example.com",
		"collector": `"co… (9 characters)"`, "Kq7ZwRx9Tv3L": `"Kq7… (12 characters)"`, "x": `"… (1 characters)"`,
	} {
		if err := Parse("OTEL_EXPORTER_OTLP_ENDPOINT", value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %s in %v", value, want, err)
		}
	}
}

// TestResourceAttributes: their keys are any text, and what is wrong with one is named; with any error, none counts.
func TestResourceAttributes(t *testing.T) {
	const name = "OTEL_RESOURCE_ATTRIBUTES"
	for value, want := range map[string]map[string]string{
		"app.kubernetes.io/name=shop,service.name=orders-api": {"app.kubernetes.io/name": "shop", "service.name": "orders-api"},
		"a%2Cb%3D=1,my key=x=y":                               {"a,b=": "1", "my key": "x=y"},
	} {
		if got := Read(func(string) string { return value }).Pairs(name); !maps.Equal(got, want) {
			t.Errorf("%s: %v", value, got)
		}
	}
	for value, want := range map[string]string{"a=1,b": "entry 2 is not key=value", "a=1,b=%z": "entry 2 has a percent sign", "=x": "entry 1 has no key", "a=%ff": "entry 1 is not UTF-8"} {
		v := Read(func(string) string { return value })
		if got := v.Pairs(name); got != nil || len(v.Warnings()) != 1 || !strings.Contains(v.Warnings()[0].Error(), want) {
			t.Errorf("%s: %v %v", value, got, v.Warnings())
		}
	}
}

func TestLooksSecret(t *testing.T) {
	for value, want := range map[string]bool{
		"": false, "production": false, "a b": false, "sk-learn": false, "task-12345678": false, "eyJ": false, "basic": false, "hf_space": false, "ASIA-PACIFIC-1": false, "SG.SINGAPORE1": false, "https://collector.example.com:4318/v1": false,
		"sk-SECRETSECRET12345": true, "Bearer x": true, "basic YTpi": true, "prod,api-key=sk-ABCDEFGH12345678": true, "-----BEGIN PRIVATE KEY-----": true, "https://c.example.com/v1/ghp_abcdefgh12345678": true,
	} {
		if LooksSecret(value) != want {
			t.Errorf("%q: want %v", value, want)
		}
	}
}

func TestValues(t *testing.T) {
	env := map[string]string{
		"AFTERGLOW_DISABLED":           "maybe",
		"AFTERGLOW_CAPTURE_BODY_BYTES": "100",
		"AFTERGLOW_MASK_KEYS":          " a , b,, ",
		"OTEL_EXPORTER_OTLP_TIMEOUT":   "250",
		"AFTERGLOW_PRICE_GB_SECOND":    "1.3e-5",
		"OTEL_RESOURCE_ATTRIBUTES":     "team=a%2Cb, k = v ",
	}
	v := Read(func(k string) string { return env[k] })
	if v.Bool("AFTERGLOW_DISABLED") || len(v.Warnings()) != 1 {
		t.Errorf("a wrong value has to be a warning and the default: %v", v.Warnings())
	}
	if got := v.Bytes("AFTERGLOW_CAPTURE_BODY_BYTES"); got != 100 {
		t.Errorf("bytes: %d", got)
	}
	if got := v.Number("AFTERGLOW_PRICE_GB_SECOND"); got != 1.3e-5 {
		t.Errorf("number: %v", got)
	}
	if got := strings.Join(v.Set("AFTERGLOW_SIGNALS"), "|"); got != "traces|metrics" {
		t.Errorf("default of a set: %q", got)
	}
	if got := v.Bytes("AFTERGLOW_CAPTURE_EVENT_BYTES"); got != 65536 {
		t.Errorf("default: %d", got)
	}
	if got := strings.Join(v.List("AFTERGLOW_MASK_KEYS"), "|"); got != "a|b" {
		t.Errorf("list: %q", got)
	}
	if got := v.Duration("OTEL_EXPORTER_OTLP_TIMEOUT"); got != 250*time.Millisecond {
		t.Errorf("duration: %v", got)
	}
	if got := v.Pairs("OTEL_RESOURCE_ATTRIBUTES"); len(got) != 2 || got["team"] != "a,b" || got["k"] != "v" {
		t.Errorf("pairs: %v", got)
	}
	if got := v.String("AFTERGLOW_SPOOL_DIR"); got != DefaultSpoolDir {
		t.Errorf("path: %q", got)
	}
	if got := v.Pairs("OTEL_EXPORTER_OTLP_HEADERS"); got != nil {
		t.Errorf("unset pairs: %v", got)
	}
}

// TestSetsKeepWhatIsRight: a misspelt detector must not turn off another one, nor leave the others on.
func TestSetsKeepWhatIsRight(t *testing.T) {
	v := Read(func(string) string { return "CARDS, card,jwt" })
	if got := strings.Join(v.Set("AFTERGLOW_MASK_DETECTORS_OFF"), "|"); got != "cards|jwt" {
		t.Errorf("got %q", got)
	}
	v.Set("AFTERGLOW_MASK_DETECTORS_OFF") // a second time, and still one warning
	var e *Error
	if len(v.Warnings()) != 1 || !errors.As(v.Warnings()[0], &e) || e.Name != "AFTERGLOW_MASK_DETECTORS_OFF" || e.Value != "card" || !strings.Contains(e.Remedy, "vendors") || e.Counts != "not there" {
		t.Errorf("warnings: %v", v.Warnings())
	}
}

// TestWrongMaskingHidesMore: whoever misspells a rule wanted something hidden.
func TestWrongMaskingHidesMore(t *testing.T) {
	for _, c := range []struct{ name, value, want, told string }{
		{"AFTERGLOW_MASK_PRESET", "stricct", "strict", "counts as strict"},
		{"AFTERGLOW_MASK_PRESET", " ", "strict", "counts as strict"},
		{"AFTERGLOW_MASK_PRESET", "PCI", "pci", ""},
		{"AFTERGLOW_MASK_UNKNOWN", "hide", "drop", "counts as drop"},
		{"AFTERGLOW_MASK_ALL", "query,respones_body", "event,response,request_headers,request_body,response_headers,response_body,query,errors,logs", "counts as event,"},
		{"AFTERGLOW_MASK_ALL", "query,Logs", "query,logs", ""},
		{"AFTERGLOW_LIMIT_FIELD_BYTES", "many", "", "counts as 2048"},
		{"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "many", "", "counts as unset"},
	} {
		v := Read(func(string) string { return c.value })
		got := ""
		switch s, _ := Lookup(c.name); s.Type {
		case Set:
			got = strings.Join(v.Set(c.name), ",")
		case Bytes:
			v.Bytes(c.name)
		case Duration:
			v.Duration(c.name)
		default:
			got = v.String(c.name)
		}
		if got != c.want {
			t.Errorf("%s=%s: got %q", c.name, c.value, got)
		}
		if w := v.Warnings(); (len(w) == 1) != (c.told != "") || c.told != "" && !strings.Contains(w[0].Error(), c.told) {
			t.Errorf("%s=%s: warnings %v", c.name, c.value, w)
		}
	}
	for _, s := range Table() {
		if err := s.Check(s.Wrong); err != nil {
			t.Errorf("what wrong values count as is wrong: %v", err)
		}
		if set := s.Type == Set && s.Wrong != ""; set && s.Wrong != strings.Join(s.Values, ",") {
			t.Errorf("%s: %s are not all of its values", s.Name, s.Wrong)
		}
	}
}

// TestRulesThatWouldNeverApply are no rules: they are told, and the others stay.
func TestRulesThatWouldNeverApply(t *testing.T) {
	for name, values := range map[string]struct{ right, wrong []string }{
		"AFTERGLOW_MASK_DOMAINS": {
			right: []string{"*", "pay.example.com", "pay.example.com:443", "PAY.example.com.", ".example.com", "*.example.com", "*example.com", "pay.*.com", "localhost", "10.0.0.1:8080", "[::1]:2773",
				"https://pay.example.com/x", "//pay.example.com", "http://user@pay.example.com", "https://pay.example.com.:443/x?y", "_dmarc.example.com", "a.b.*:8*"},
			wrong: []string{".", "..", "pay..example.com", "http://", "://", "/", "/orders", "pay example", "::1", "pay.example.com:https", "pay.example.com:", "bücher.example", "pay|shop"},
		},
		"AFTERGLOW_MASK_PATHS": {
			right: []string{"a", "*", "customer.phone", "$.customer.phone", "/customer/phone", "customer/phone", "items.0.note", "items[0].note", "items[].note", "items[*].note", "items[1:2].x", "0", `a\..b`, `\.`, "*.phone", "straße"},
			wrong: []string{".", "$", "/", "[0]", "$..phone", "a..b", "**.phone", "items[?(@.x)].y", "$['customer']", "...", "[]"},
		},
		"AFTERGLOW_MASK_KEYS":       {right: []string{"a", "1", "é", "x-*", "customer number"}, wrong: []string{"-", "*", "...", "#"}},
		"AFTERGLOW_MASK_ALLOW_KEYS": {right: []string{"a"}, wrong: []string{"*"}},
	} {
		for _, right := range values.right {
			if err := Parse(name, right); err != nil {
				t.Errorf("%v", err)
			}
		}
		for _, wrong := range values.wrong {
			v := Read(func(string) string { return "first," + wrong + ", last" })
			if got := strings.Join(v.List(name), "|"); got != "first|last" || len(v.Warnings()) != 1 || !strings.Contains(v.Warnings()[0].Error(), "counts as not there") {
				t.Errorf("%s=%s: got %s and %v", name, wrong, got, v.Warnings())
			}
		}
	}
}

// TestHostsAreRead without what people write around them.
func TestHostsAreRead(t *testing.T) {
	v := Read(func(string) string { return " HTTPS://me:x@Pay.Example.com.:443/x?y, *.b., //c/d, *" })
	if got := strings.Join(v.List("AFTERGLOW_MASK_DOMAINS"), "|"); got != "pay.example.com:443|*.b|c|*" {
		t.Errorf("got %s", got)
	}
}

// TestHostsOfHooks are written alone: hooks take nothing off them.
func TestHostsOfHooks(t *testing.T) {
	for value, wrong := range map[string]string{
		"pay.example.com,.Example.com, *, [::1]:8080": "", "https://pay.example.com": "pay.example.com", "pay.example.com/x?key=hunter2": "pay.example.com", "me:hunter2@a.test": "a.test", "a b": "not a host",
	} {
		err := Parse("AFTERGLOW_PROPAGATION_DOMAINS", value)
		if (err != nil) != (wrong != "") || err != nil && (!strings.Contains(err.Error(), wrong) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// TestUnknownNames: what is misspelt does nothing, and is told with the name that was meant.
func TestUnknownNames(t *testing.T) {
	environ := []string{"PATH=/bin", "AFTERGLOW_DISABLED=1", "AFTERGLOW_EXEC_WRAPPER_NEXT=", "OTEL_TRACES_SAMPLER=x", "AFTERGLOWING=1", "", "=",
		"OTEL_EXPORTER_OTLP_INSECURE=true", "OTEL_EXPORTER_OTLP_METRICS_INSECURE=true", "OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT=http://h", aggregation + "=" + explicit}
	if errs := Unknown(environ); len(errs) > 0 {
		t.Errorf("%v", errs)
	}
	for name, meant := range map[string]string{
		"AFTERGLOW_MASK_KEY": "AFTERGLOW_MASK_KEYS ", "AFTERGLOW_SIGNAL": "AFTERGLOW_SIGNALS ", "AFTERGLOW_EXPORTER": "AFTERGLOW_EXPORTERS ", "AFTERGLOW_MASKPRESET": "AFTERGLOW_MASK_PRESET ",
		"AFTERGLOW_LOGLEVEL": "AFTERGLOW_LOG_LEVEL ", "AFTERGLOW_MASK_DOMIANS": "AFTERGLOW_MASK_DOMAINS ", "AFTERGLOW_": "", "AFTERGLOW_QQQQQQQQQQ": "", "AFTERGLOW_" + strings.Repeat("X", 10_000): "", "AFTERGLOW_\n\xff": "",
		"OTEL_EXPORTER_OTLP_TRACE_ENDPOINT": "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ", "OTEL_EXPORTER_OTLP_HEADER": "OTEL_EXPORTER_OTLP_HEADERS ", "OTEL_EXPORTER_OTLP_QQQQQQQQQQ": "", aggregation: "",
	} {
		errs := Unknown(append(environ, name+"=hunter2"))
		if len(errs) != 1 {
			t.Errorf("%.30s: %v", name, errs)
			continue
		}
		text := errs[0].Error()
		if !strings.Contains(text, "perhaps "+meant) && meant != "" || meant == "" && strings.Contains(text, "perhaps") || strings.Contains(text, "hunter2") || len(text) > longestWarning || strings.Contains(text, "\n") || !utf8.ValidString(text) {
			t.Errorf("%.30s: %.300s", name, text)
		}
	}
	var many []string
	for n := range 100 {
		many = append(many, "AFTERGLOW_X"+strings.Repeat("Y", n)+"=1")
	}
	if errs := Unknown(many); len(errs) != mostUnknown {
		t.Errorf("%d are told", len(errs))
	}
}

// TestEverySettingCanBeRead reads each setting by its own type, so that no getter can panic in an extension.
func TestEverySettingCanBeRead(t *testing.T) {
	for _, set := range []string{"", "garbage"} {
		v := Read(func(string) string { return set })
		for _, s := range Table() {
			switch s.Type {
			case Bool:
				v.Bool(s.Name)
			case Bytes:
				v.Bytes(s.Name)
			case Number:
				v.Number(s.Name)
			case Duration:
				v.Duration(s.Name)
			case List, Keys, Places, Hosts:
				v.List(s.Name)
			case Set:
				v.Set(s.Name)
			case Pairs:
				v.Pairs(s.Name)
			default:
				v.String(s.Name)
			}
		}
	}
}

func TestDocsAreTheTable(t *testing.T) {
	want := Markdown()
	if *update {
		if err := os.WriteFile(docs, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/settings.md is not what the table says: go test ./settings -update")
	}
}
