package redact

import "testing"

// TestPairs: what names a value stands beside it under many keys, and in an operation of a patch it is a path.
func TestPairs(t *testing.T) {
	rules := New(Options{})
	for in, want := range map[string]string{
		`[{"op":"replace","path":"/password","value":"hunter2"},{"op":"replace","path":"/name","value":"Ada"}]`:       `[{"op":"replace","path":"/password","value":"****"},{"op":"replace","path":"/name","value":"Ada"}]`,
		`{"schemas":["x"],"Operations":[{"op":"replace","path":"password","value":"hunter2"}]}`:                       `{"schemas":["x"],"Operations":[{"op":"replace","path":"password","value":"****"}]}`,
		`[{"value":"hunter2","op":"add","path":"/users/0/apiToken"},{"value":"x","path":"/a","op":"add"}]`:            `[{"value":"****","op":"add","path":"/users/0/apiToken"},{"value":"x","path":"/a","op":"add"}]`,
		`[{"value":"hunter2","path":"/users/0/apiToken","op":"add"}]`:                                                 `[{"value":"****","path":"/users/0/apiToken","op":"add"}]`,
		`[{"path":"/credentials","value":{"a":["hunter2"]},"op":"add"}]`:                                              `[{"path":"/credentials","value":{"a":["****"]},"op":"add"}]`,
		`{"value":{"value":"hunter2","path":"/token","op":"add"},"path":"/x","op":"add"}`:                             `{"value":{"value":"****","path":"/token","op":"add"},"path":"/x","op":"add"}`,
		`got [{"op":"replace","path":"/password","value":"hunter2"},{"op":"replace","path":"/name","value":"Ada"}] x`: `got [{"op":"replace","path":"/password","value":"****"},{"op":"replace","path":"/name","value":"Ada"}] x`,
		`got {'op': 'replace', 'path': '/password', 'value': 'hunter2'}`:                                              `got {'op': 'replace', 'path': '/password', 'value': '****'}`,
		`{"path":"/oauth/token","value":"shown","parameters":{"a":"shown"},"body":"x"}`:                               `{"path":"/oauth/token","value":"shown","parameters":{"a":"shown"},"body":"x"}`,
		`got path=/oauth/token value=shown stop=1`:                                                                    `got path=/oauth/token value=shown stop=1`,

		`{"option_name":"password","option_value":"hunter2"}`:                     `{"option_name":"password","option_value":"****"}`,
		`{"settingValue":"hunter2","settingName":"smtp_password"}`:                `{"settingValue":"****","settingName":"smtp_password"}`,
		`{"meta_key":"auth_token","meta_value":"hunter2"}`:                        `{"meta_key":"auth_token","meta_value":"****"}`,
		`{"configKey":"smtp.password","configValue":"hunter2"}`:                   `{"configKey":"smtp.password","configValue":"****"}`,
		`[{"column":"password","value":"hunter2"},{"column":"n","value":"x"}]`:    `[{"column":"password","value":"****"},{"column":"n","value":"x"}]`,
		`{"attributeName":"password","oldValue":"hunter2","newValue":"hunter2"}`:  `{"attributeName":"password","oldValue":"****","newValue":"****"}`,
		`{"name":"password","defaultValue":"hunter2"}`:                            `{"name":"password","defaultValue":"****"}`,
		`meta_key='auth_token', meta_value='hunter2'`:                             `meta_key='auth_token', meta_value='****'`,
		`<a><metaKey>token</metaKey><metaValue>hunter2</metaValue></a>`:           `<a><metaKey>token</metaKey><metaValue>****</metaValue></a>`,
		`{"meta_key":"colour","meta_value":"red","column":3,"newValue":"x"}`:      `{"meta_key":"colour","meta_value":"red","column":3,"newValue":"x"}`,
		`{"propertyName":"size","propertyValue":"x","envName":"A","envValue":""}`: `{"propertyName":"size","propertyValue":"x","envName":"A","envValue":""}`,
	} {
		got := string(rules.Content([]byte(in), 0))
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if again := string(rules.Content([]byte(got), 0)); again != got {
			t.Errorf("masked twice: %s", again)
		}
	}
	if got := string(rules.Form([]byte("option_name=password&option_value=hunter2&b=1"), 0)); got != "option_name=password&option_value=****&b=1" {
		t.Errorf("form: %s", got)
	}
}
