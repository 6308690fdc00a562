package redact

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// A phraseCase is a secret that a phrase or a form of its own announces. named is for those whose name stands behind them, which a cut takes away.
type phraseCase struct {
	name, in string
	named    bool
}

func encodedKeyCases() []phraseCase {
	quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	key := "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIE" + planted + "\nabcdef\n-----END RSA PRIVATE " + "KEY-----\n"
	plus := url.QueryEscape(key)
	percent := strings.ReplaceAll(plus, "+", "%20")
	dashes := strings.NewReplacer("-", "%2D", " ", "%20", "\n", "%0A").Replace(key)
	return []phraseCase{
		{name: "key of a form in JSON", in: `{"body":"name=x&pem=` + plus + `&a=1","isBase64Encoded":false}`},
		{name: "key in a URL in JSON", in: `{"url":"https://h/p?k=` + percent + `&x=1"}`},
		{name: "key of a form without a type", in: `k=` + plus + `&x=1`},
		{name: "key in a line", in: `GET /?k=` + percent + ` HTTP/1.1`},
		{name: "key with lines of CR LF", in: "x=-----BEGIN+EC+PRIVATE+" + "KEY-----%0D%0AMI" + planted + "%0D%0A-----END+EC+PRIVATE+" + "KEY-----"},
		{name: "key with its dashes escaped", in: `{"u":"https://h/?k=` + dashes + `"}`},
		{name: "key in percent signs twice", in: `{"u":"k=` + url.QueryEscape(percent) + `"}`},
		{name: "key of a form in JSON in base64", in: `{"d":"` + b64(`{"body":"k=`+plus+`&x=1"}`) + `"}`},
		{name: "key in JSON in percent signs in JSON", in: `{"q":"j=` + url.QueryEscape(`{"pem":`+quote(key)+`}`) + `"}`},
		{name: "key behind a secret key", in: "private_key=" + key},
		{name: "key behind a secret key in YAML", in: "private_key: " + key},
		{name: "key with escapes behind a secret key", in: `private_key=` + strings.ReplaceAll(key, "\n", `\n`)},
		{name: "key of PuTTY", in: "PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 1\n" + planted + "\nPrivate-MAC: x"},
		{name: "basic credentials of a form", in: `{"b":"h=Basic+` + b64("u:"+planted+"1") + `"}`},
		{name: "basic credentials of a form, long ones", in: `{"b":"h=Basic+` + b64(strings.Repeat("user", 50)+":"+strings.Repeat("x", 200)+planted+"1") + `"}`},
		{name: "basic credentials of a form behind words", in: `{"b":"h=basic+basic+` + b64("u:"+planted+"1") + `"}`},
		{name: "basic credentials of a form with padding", in: `{"b":"h=Basic%20` + strings.ReplaceAll(b64("u:"+planted+"11"), "=", "%3D") + `"}`},
		{name: "token behind an escape", in: `got 'h: x\r\nghp_` + strings.Repeat("a1B2", 4) + planted + `'`},
		{name: "key behind an escape", in: `send: b'GET /\r\nauthorization: Custom ` + planted + `\r\nx: y'`},
		{name: "short key behind an escape", in: `got 'a\npin=` + planted + `'`},
	}
}

func databaseCases() []phraseCase {
	const p = planted
	return []phraseCase{
		{name: "PostgreSQL", in: `DETAIL:  Key (api_token)=(` + p + `) already exists.`},
		{name: "PostgreSQL, several columns", in: `{"detail":"Key (user_id, password)=(7, ` + p + `) already exists."}`},
		{name: "PostgreSQL, an expression", in: `Key (lower(api_token::text))=(` + p + `) already exists.`},
		{name: "PostgreSQL, a column and an expression", in: `Key (password, lower(email::text))=(` + p + `, a@b) already exists.`},
		{name: "PostgreSQL, a quoted column", in: `Key ("apiToken")=(` + p + `) already exists.`},
		{name: "PostgreSQL, brackets in the value", in: `Key (password)=(a)` + p + `) already exists.`},
		{name: "PostgreSQL, a bracket opens in the value", in: `Key (password)=(a(` + p + `) already exists.`},
		{name: "PostgreSQL, another key", in: `Key (token)=(x) conflicts with existing key (token)=(` + p + `).`},
		{name: "PostgreSQL in percent signs", in: `m=` + url.QueryEscape(`Key (api_token)=(`+p+`) already exists.`)},
		{name: "PostgreSQL, a row", in: `null value in column "x" DETAIL:  Failing row contains (7, null, ` + p + `).`},
		{name: "tuples of SQL", in: `UPDATE u SET (a, password) = ('x', '` + p + `') WHERE id = 1`},
		{name: "MySQL", in: `Duplicate entry '` + p + `' for key 'users.api_token'`, named: true},
		{name: "MySQL in JSON", in: `{"errorMessage":"Duplicate entry '7-` + p + `' for key 'uq_session_token'"}`, named: true},
		{name: "MongoDB", in: `E11000 duplicate key error collection: db.users index: token_1 dup key: { token: "` + p + `" }`},
		{name: "MongoDB, old", in: `E11000 duplicate key error index: db.users.$api_token_1 dup key: { : "` + p + `" }`},
		{name: "MongoDB, old, in JSON", in: `{"errmsg":"E11000 index: token_1 dup key: { : \"` + p + `\" }"}`},
		{name: "SQL Server", in: `Violation of UNIQUE KEY constraint 'UQ_users_token'. The duplicate key value is (` + p + `).`},
		{name: "SQL Server, truncated", in: `would be truncated in table 'db.dbo.users', column 'password'. Truncated value: '` + p + `'.`},
		{name: "Oracle", in: `ORA-03301: (ORA-00001 details) row with column values (TOKEN:'` + p + `') already exists`},

		{name: "user of MySQL", in: `CREATE USER 'x'@'%' IDENTIFIED BY '` + p + `'`},
		{name: "user of MySQL, plugin", in: `alter user 'x'@'%' identified with caching_sha2_password by '` + p + `'`},
		{name: "user of MySQL, function", in: `SET PASSWORD FOR 'bob'@'%' = PASSWORD('` + p + `')`},
		{name: "user of MySQL, statement", in: `SET PASSWORD FOR 'bob'@'%' = '` + p + `'`},
		{name: "user of Oracle", in: `ALTER USER scott IDENTIFIED BY ` + p},
		{name: "user of PostgreSQL", in: `{"sql":"ALTER USER bob WITH ENCRYPTED PASSWORD '` + p + `' VALID UNTIL 'x'"}`},
		{name: "Redis", in: `AUTH ` + p},
		{name: "Redis, user", in: `HELLO 3 AUTH default ` + p + ` SETNAME x`},
		{name: "Redis, monitor", in: `1339518083.107412 [0 127.0.0.1:60866] "AUTH" "` + p + `"`},
		{name: "Redis, protocol", in: "*3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$16\r\n" + p + "\r\n"},
		{name: "Redis, protocol in quotes", in: `send: b'*2\r\n$4\r\nAUTH\r\n$16\r\n` + p + `\r\n'`},
		{name: "Redis, configuration", in: "port 6379\nrequirepass " + p + "\n"},
		{name: "Redis, setting", in: `CONFIG SET requirepass ` + p},
		{name: "SMTP", in: `C: AUTH PLAIN AGJvYgBL` + p},
	}
}

func commandCases() []phraseCase {
	const p = planted
	return []phraseCase{
		{name: "curl -u", in: `curl -s -u "admin:` + p + `" https://h`},
		{name: "curl -uadmin", in: `curl -uadmin:` + p + ` https://h`},
		{name: "curl --user", in: `{"cmd":"curl --user 'ad.min@h:` + p + `' https://h"}`},
		{name: "curl -H", in: `curl -H 'Authorization: Digest username="u", response="` + p + `"' https://h`},
		{name: "mysql -p", in: `mysql -h db -uroot -p` + p + ` x`},
		{name: "sshpass -p", in: `sshpass -p ` + p + ` ssh a@b`},
		{name: "redis-cli -a", in: `redis-cli -h h -a '` + p + `' ping`},
		{name: "Oracle's driver", in: `{"url":"jdbc:oracle:thin:scott/` + p + `@//h:1521/x"}`, named: true},
		{name: "SQL Server's driver", in: `jdbc:sqlserver://h:1433;user=sa;password={` + p + `};encrypt=true`},
		{name: "MySQL's driver", in: `jdbc:mysql://(host=h,port=1,user=u,password=` + p + `)/db`},
		{name: "ODBC", in: `DRIVER={x};UID=sa;PWD={a;b}}` + p + `};Encrypt=yes`},
		{name: "Go's driver for MySQL", in: `open: dsn="user:` + p + `@tcp(db:3306)/name?parseTime=true"`, named: true},
		{name: "AMQP", in: `{"u":"amqp%3A%2F%2Fu%3A` + p + `%40h%2Fv"}`, named: true},

		{name: "Digest", in: `Authorization: Digest username="u", realm="r", response="` + p + `"`},
		{name: "Digest in text", in: `x {"h":"Authorization: Digest username=\"u\", response=\"` + p + `\""}`},
		{name: "Hawk", in: `{"h":"Authorization: Hawk id=\"a\", ts=\"1\", mac=\"` + p + `\""}`},
		{name: "symbol of Node.js", in: "{ [Symbol(password)]: '" + p + "' }"},
		{name: "symbol of Node.js in colours", in: "{ \x1b[32m[Symbol(apiToken)]\x1b[39m: \x1b[32m'" + p + "'\x1b[39m }"},
		{name: "extended name of a part", in: "--b\r\nContent-Disposition: form-data; name*=UTF-8''pass%77ord\r\n\r\n" + p + "\r\n--b--"},
		{name: "both names of a part", in: "--b\r\nContent-Disposition: form-data; name=\"x\"; name*=utf-8'en'api%5Fkey\r\n\r\n" + p + "\r\n--b--"},
		{name: "phrase of a key without one", in: "Private-Lines: password=" + p},
		{name: "prompt", in: "password for user bob: " + p},
		{name: "call", in: "password(" + p + ")"},

		{name: "Kubernetes, kind first", in: `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"x"},"data":{"foo":"` + p + `"}}`},
		{name: "Kubernetes, data first", in: `{"apiVersion":"v1","data":{"foo":"` + p + `"},"kind":"Secret","metadata":{}}`, named: true},
		{name: "Kubernetes, list", in: `{"items":[{"apiVersion":"v1","data":{"foo":"x"},"kind":"ConfigMap"},{"apiVersion":"v1","data":{"foo":"` + p + `"},"kind":"Secret"}],"kind":"SecretList"}`, named: true},
		{name: "Kubernetes, texts", in: `{"kind":"Secret","stringData":{"foo":"` + p + `"}}`},
	}
}

// TestPhrases: none of it gets through, whole or cut at any byte, and what was hidden once stays as it is.
func TestPhrases(t *testing.T) {
	rules := New(Options{})
	cases := append(append(encodedKeyCases(), databaseCases()...), commandCases()...)
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			got := rules.Content([]byte(test.in), 0)
			if json.Valid([]byte(test.in)) && !json.Valid(got) {
				t.Errorf("no JSON any more: %s", got)
			}
			if rest := shown(string(got)); rest != "" || !strings.Contains(string(got), Mask) && !strings.Contains(test.in, "base64") && !strings.Contains(test.name, "base64") {
				t.Errorf("%q survives in %s", rest, got)
			}
			if again := string(rules.Content(got, 0)); again != string(got) {
				t.Errorf("masked twice: %s, once: %s", again, got)
			}
			for cut := range test.in {
				got := string(rules.Content([]byte(test.in[:cut]), CutEnd))
				if rest := shown(got); rest != "" && !test.named {
					t.Fatalf("cut at %d, %q survives in %s", cut, rest, got)
				}
			}
		})
	}
}

// TestCardsInForms: spaces and dashes between groups are also written as forms and URLs do.
func TestCardsInForms(t *testing.T) {
	rules := New(Options{})
	for in, want := range map[string]string{
		`{"body":"n=4111+1111+1111+1111&e=1"}`:            `{"body":"n=****&e=1"}`,
		`{"u":"https://h/?n=4111%201111%201111%201111"}`:  `{"u":"https://h/?n=****"}`,
		`n=4111%2D1111%2d1111%2D1111&x=1`:                 `n=****&x=1`,
		`n=3782+822463+10005&b=1`:                         `n=****&b=1`,
		`{"u":"n=4111%25201111%25201111%25201111&x=1"}`:   `{"u":"n=****&x=1"}`,
		`{"u":"n=4111+1111+1111+1112&m=41+111+111+1111"}`: `{"u":"n=4111+1111+1111+1112&m=41+111+111+1111"}`,
	} {
		if got := string(rules.Content([]byte(in), 0)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
	if got := string(rules.Content([]byte(`{"n":"x=4111+1111+11`), CutEnd)); got != `{"n":"x=****` {
		t.Errorf("cut: %s", got)
	}
}

// TestOrdinaryTexts: nothing of it is hidden.
func TestOrdinaryTexts(t *testing.T) {
	rules := New(Options{})
	for _, in := range []string{
		`{"id":"8f14e45f-ceea-467f-9af0-1b2c3d4e5f60","at":"2026-01-02T03:04:05.678+02:00","price":1234.56,"total":"1+234+567.89 EUR"}`,
		`{"phone":"+49 170 1234567","tel":"tel:+4915123456789","call":"%2B49+170+1234567","fax":"+1-415-555-0132"}`,
		`{"url":"https://h/search?q=a+b+c&from=2026-01-02+03%3A04%3A05&ids=1001+1002+1003+1004&n=4000+0000"}`,
		`GET /p?x=2024%2D01%2D02%2003:04 1767225600000+1767225600123 4.5+4.5=9 sum(1000+2000+3000+4000)`,
		`SELECT count(*), max(price) FROM orders WHERE (id, day)=(7, '2026-01-02') AND lower(name)=('ada') AND (a)=(b)`,
		`INSERT INTO orders (id, name) VALUES (7, 'ada') ON CONFLICT (id) DO UPDATE SET name='x'; call f(a)=(b), g(x) = (y)`,
		`DETAIL:  Key (order_id, sku)=(7, LMN-0042) already exists. Key (email)=(ada@example.com) is not present in table "users".`,
		`Duplicate entry 'ada@example.com' for key 'users.email'; Duplicate entry 'x' and more`,
		`E11000 duplicate key error collection: db.users index: email_1 dup key: { : "ada@example.com" }`,
		`Violation of UNIQUE KEY constraint 'UQ_users_email'. The duplicate key value is (ada@example.com).`,
		`would be truncated in table 'db.dbo.users', column 'name'. Truncated value: 'Ada Love'.`,
		`AUTH failed for 8f14e45f-ceea-467f-9af0-1b2c3d4e5f60; AUTH service started in 1200 ms; 503 AUTH required; ERR AUTH <password> called without any password configured`,
		`sorted by 'name', identified by the id 7; written by "Ada"; IDENTIFIED BYTES`,
		`FATAL: password authentication failed for user "ada"; password for user ada: expired; password (min. 8) and password(self); password 'is too short'`,
		`set requirepass in redis.conf; the requirepass directive`,
		`at validate_password(auth2.py:42) in reset_password(user_id)`,
		`docker run -u 1000:1000 -p 8080:80 image; tar -u a:b; cp -a x y; ps -p 4242; curl -s https://h -p x`,
		`sent to ada@tcp.example.com by bob@example.com; jdbc:oracle:thin:@//h:1521/x; ratio a:b @tcp (x)`,
		`-----BEGIN+CERTIFICATE-----%0AMIIE%0A-----END+CERTIFICATE----- -----BEGIN%20PUBLIC%20KEY-----%0AMIIE`,
		"Private-Lines: none\nfoo bar x-y",
		`a == b = = c ======== d (x) = y [z]) => w`,
		`[Symbol(kHeaders)]: { host: 'h' }, [Symbol(shapeMode)]: false, a[0]: 1`,
		`{"kind":"ConfigMap","apiVersion":"v1","data":{"a":"b"}} {"apiVersion":"v1","data":{"a":"b"},"kind":"ConfigMap"} {"kind":"Secret","type":"x"}`,
		`{"apiVersion":"v1","items":[{"data":{"a":"b"}},{"kind":"Secret"}],"data":{"x":"y"},"kind":"List"}`,
		`C:\new\temp\reports\name=1 a\nb\tc 'line\r\nnext'`,
		`Basic+training Basic%20rate basic+auth; pay by "card" -u`,
		"--b\r\nContent-Disposition: form-data; name*=UTF-8''colou%72\r\n\r\nred\r\n--b--",
		`x-trace="a=b" Etag: "5d41=", next="y"`,
	} {
		if got := string(rules.Content([]byte(in), 0)); got != in {
			t.Errorf("got  %s\nwant %s", got, in)
		}
	}
}

// TestPhrasesFollowTheRules: what the user shows is shown, and nothing is hidden where no rule is on.
func TestPhrasesFollowTheRules(t *testing.T) {
	for _, test := range append(databaseCases(), commandCases()...) {
		if got := string(New(Options{Preset: Off}).Content([]byte(test.in), 0)); got != test.in {
			t.Errorf("off, %s: %s", test.name, got)
		}
	}
	rules := New(Options{Allow: []string{"password"}})
	for _, in := range []string{"AUTH " + planted, "Key (password)=(" + planted + ") already exists.", "IDENTIFIED BY '" + planted + "'"} {
		if got := string(rules.Content([]byte(in), 0)); got != in {
			t.Errorf("allowed: %s", got)
		}
	}
	rules = New(Options{Keys: []string{"customer_number"}})
	if got := string(rules.Content([]byte("Key (customer_number)=(7) already exists."), 0)); got != "Key (customer_number)=**** already exists." {
		t.Errorf("a key of the user's: %s", got)
	}
}
