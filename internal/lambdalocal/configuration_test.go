package lambdalocal

import (
	"strings"
	"testing"
)

// Sources: ENV, LIM; reference 5.5.
func TestCheckEnv(t *testing.T) {
	for _, c := range []struct {
		name, variable, value string
		want                  []string // parts of the error; none if it is accepted
	}{
		{"an ordinary one", "TABLE", "orders", nil},
		{"an unreserved default", "PATH", "/opt/bin", nil},
		{"one that looks reserved", "AWS_LAMBDA_EXEC_WRAPPER", "/opt/wrapper", nil},
		{"two characters", "A1", "", nil},
		{"reserved", "AWS_REGION", "eu-west-1", []string{"orders", `"AWS_REGION"`, "another name"}},
		{"reserved for managed instances", "AWS_LAMBDA_MAX_CONCURRENCY", "1", []string{`"AWS_LAMBDA_MAX_CONCURRENCY"`}},
		{"reserved, with an underscore", "_HANDLER", "app.handler", []string{`"_HANDLER"`, "reserved"}},
		{"one character", "A", "", []string{`"A"`, "two characters"}},
		{"a leading digit", "1A", "", []string{`"1A"`}},
		{"a leading underscore", "_A", "", []string{`"_A"`}},
		{"a hyphen", "A-B", "", []string{`"A-B"`}},
		{"no name", "", "x", []string{`""`}},
		{"a zero byte", "NULL", "\x00", []string{`"NULL"`, "Base64"}},
		{"4,096 bytes", "LARGE", strings.Repeat("x", 4096-len("LARGE")), nil},
		{"4,097 bytes", "LARGE", strings.Repeat("x", 4097-len("LARGE")), []string{"orders", "4097 bytes", "4096", `"LARGE"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Function{Name: "orders", Env: map[string]string{c.variable: c.value}}.CheckEnv()
			if (err != nil) != (len(c.want) > 0) {
				t.Fatalf("the error is %v", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not name %q", err, part)
				}
			}
		})
	}
	several := Function{Name: "orders", Env: map[string]string{"AWS_REGION": "", "A-B": ""}}.CheckEnv()
	if several == nil || !strings.Contains(several.Error(), "AWS_REGION") || !strings.Contains(several.Error(), "A-B") {
		t.Errorf("not everything is told at once: %v", several)
	}
}

func TestStartRefusesReservedVariables(t *testing.T) {
	fn, opt, _ := lambda{env: map[string]string{"AWS_REGION": "eu-west-1"}}.make(t)
	if _, err := Start(t.Context(), fn, opt); err == nil || !strings.Contains(err.Error(), `"AWS_REGION"`) {
		t.Errorf("the error is %v", err)
	}
}
