package redact

import (
	"strings"
	"testing"
)

// literalCases are what languages put around a value, before it, and between it and its key; the @ is the secret.
func literalCases() map[string]string {
	return map[string]string{
		`UPDATE u SET password = 'it''s@' WHERE id = 1`:  `UPDATE u SET password = '****' WHERE id = 1`,
		`{"sql":"password = 'it''@' AND a = 'b'"}`:       `{"sql":"password = '****' AND a = 'b'"}`,
		`password="a""@" x`:                              `password="****" x`,
		`"a","password=""@""",b`:                         `"a","password=""****""",b`,
		`password = N'my @' AND a = 'b'`:                 `password = N'****' AND a = 'b'`,
		`login(password=b'my @', retries=1)`:             `login(password=b'****', retries=1)`,
		`&main.C{Password:&"my @", N:1}`:                 `&main.C{Password:&"****", N:1}`,
		`password=$'my @'; b`:                            `password=$'****'; b`,
		`User(password=SecretStr('my @'), id=1)`:         `User(password=****, id=1)`,
		`password = md5(concat('a', 'my @')) AND x = 1`:  `password = **** AND x = 1`,
		`token IN ('a', '@') AND x`:                      `token IN **** AND x`,
		`u.token NOT IN ('@') AND x`:                     `u.token NOT IN **** AND x`,
		`password LIKE N'my @'`:                          `password LIKE N'****'`,
		`u.password <> 'my @' AND x`:                     `u.password <> '****' AND x`,
		`"password" != 'my @' AND x`:                     `"password" != '****' AND x`,
		`lower(password) = 'my @' AND lower(name) = 'x'`: `lower(password) = '****' AND lower(name) = 'x'`,

		`mutation M($password: String! = "my @") { x }`:               `mutation M($password: **** = "****") { x }`,
		`{"query":"mutation M($password: String! = \"my @\") { x }"}`: `{"query":"mutation M($password: **** = \"****\") { x }"}`,
		`  password: str = "my @"`:                                    `  password: **** = "****"`,
		`const password: string | undefined = 'my @';`:                `const password: **** | undefined = '****';`,
		`let token: String = "@"`:                                     `let token: **** = "****"`,
		`password: Optional[str] = "@"`:                               `password: ****] = "****"`,
		`password: Option<String> = Some("my @")`:                     `password: ****<String> = ****`,
		`v_password CONSTANT VARCHAR2(30) := 'my @';`:                 `v_password CONSTANT VARCHAR2(30) := '****';`,
	}
}

// TestLiterals: none of it gets through, whole or cut at any byte.
func TestLiterals(t *testing.T) {
	rules := New(Options{})
	for in, want := range literalCases() {
		in = strings.ReplaceAll(in, "@", planted)
		got := string(rules.Content([]byte(in), 0))
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if again := string(rules.Content([]byte(got), 0)); again != got {
			t.Errorf("masked twice: %s", again)
		}
		for cut := range in {
			if rest := shown(string(rules.Content([]byte(in[:cut]), CutEnd))); rest != "" {
				t.Fatalf("%s, cut at %d: %q survives in %s", in, cut, rest, rules.Content([]byte(in[:cut]), CutEnd))
			}
		}
	}
	for _, in := range []string{
		`password = '' AND x = '' AND y = 'it''s'`, `name IN ('a') AND colour <> 'red' AND monkey LIKE 'x%' AND lower(name) = 'ada' AND size != 'L'`,
		`if token != nil && password <= 5 { x := "y" }; name = N'Ada', f(b'x')`, `if err != "password" { x }; token <> null; List<> x; INFO IN ('x') LIKE "y"`,
		`query Q($colour: String! = "red", $n: Int = 1) { x }; const colour: string = 'red'; v_name VARCHAR2(30) := 'Ada';`, `secrets IN the store, tokens LIKE these`,
	} {
		if got := string(rules.Content([]byte(in), 0)); got != in {
			t.Errorf("got  %s\nwant %s", got, in)
		}
	}
	for in, want := range map[string]string{
		`password: it's "mine" (or 'yours')`:       `password: **** "mine" (or 'yours')`,
		`password: hunter2, user = "bob"`:          `password: ****, user = "bob"`,
		`password: hunter2 user = "bob"`:           `password: **** user = "bob"`,
		`password='hunter2', 'a'; password='b' ''`: `password='****', 'a'; password='****' ''`,
	} {
		if got := string(rules.Content([]byte(in), 0)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
