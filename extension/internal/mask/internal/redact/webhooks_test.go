package redact

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestWebhooks: whoever knows the address may post there, whether it is a call's own or stands in a message, a body or a line of the log.
func TestWebhooks(t *testing.T) {
	rules, off := New(Options{}), New(Options{Off: URLs})
	for address, want := range map[string]string{
		"https://hooks.slack.com/services/T0/B0/hunter2":                   "https://hooks.slack.com/services/****",
		"https://HOOKS.slack.com/services/T0/B0/hunter2":                   "https://HOOKS.slack.com/services/****",
		"https://hooks.slack.com:443/services/T0/B0/hunter2":               "https://hooks.slack.com:443/services/****",
		"https://hooks.slack.com/workflows/T0/A0/1/hunter2":                "https://hooks.slack.com/workflows/****",
		"https://hooks.slack.com/triggers/T0/1/hunter2":                    "https://hooks.slack.com/triggers/****",
		"https://hooks.slack-gov.com/services/T0/B0/hunter2":               "https://hooks.slack-gov.com/services/****",
		"https://discord.com/api/webhooks/1/hunter2?wait=true":             "https://discord.com/api/webhooks/****?wait=true",
		"https://discord.com/api/v10/webhooks/1/hunter2":                   "https://discord.com/api/v10/webhooks/****",
		"https://canary.discord.com/api/webhooks/1/hunter2":                "https://canary.discord.com/api/webhooks/****",
		"https://ptb.discordapp.com/api/v9/webhooks/1/hunter2":             "https://ptb.discordapp.com/api/v9/webhooks/****",
		"https://api.telegram.org/bot123:hunter2/sendMessage":              "https://api.telegram.org/bot****",
		"https://api.telegram.org/file/bot123:hunter2/photos/1.jpg":        "https://api.telegram.org/file/bot****",
		"https://outlook.office.com/webhook/a@b/IncomingWebhook/hunter2/c": "https://outlook.office.com/webhook/****",
		"https://team.webhook.office.com/webhookb2/a@b/hunter2":            "https://team.webhook.office.com/****",
		"https://me@hooks.slack.com./services/T0/B0/hunter2":               "https://****@hooks.slack.com./services/****",

		"https://hooks.slack.com/services/":                      "https://hooks.slack.com/services/",
		"https://hooks.slack.com/docs/a":                         "https://hooks.slack.com/docs/a",
		"https://slack.com/services/T0/B0/x":                     "https://slack.com/services/T0/B0/x",
		"https://webhooks.slack.com/services/T0":                 "https://webhooks.slack.com/services/T0",
		"https://discord.com/channels/1/2":                       "https://discord.com/channels/1/2",
		"https://discord.com/api/applications/webhooks/1":        "https://discord.com/api/applications/webhooks/1",
		"https://discord.com/api/v10/channels/1/webhooks":        "https://discord.com/api/v10/channels/1/webhooks",
		"https://core.telegram.org/bots/api":                     "https://core.telegram.org/bots/api",
		"https://outlook.office.com/mail/inbox":                  "https://outlook.office.com/mail/inbox",
		"https://webhook.office.com/":                            "https://webhook.office.com/",
		"https://example.com/hooks.slack.com/services/T0/B0/xyz": "https://example.com/hooks.slack.com/services/T0/B0/xyz",
		"https://api.telegram.org:65536000/bot1":                 "https://api.telegram.org:65536000/bot1",
	} {
		if got := string(rules.URL([]byte(address))); got != want {
			t.Errorf("URL: got  %s\nwant %s", got, want)
		}
		for _, text := range []string{
			"%s", `Post "%s": EOF`, "got %s, then nothing", "{'url': '%s'}", "see <%s> or (%s)", "<a href=\"%s\">x</a>", `{"a":"x %s"}`, "at %s\n\tat b", `said \"%s\"\n`, "next=%s;",
		} {
			in, want := strings.ReplaceAll(text, "%s", address), strings.ReplaceAll(text, "%s", want)
			if got := string(rules.Content([]byte(in), 0)); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		if got := string(off.Content([]byte(address), 0)); got != address {
			t.Errorf("off, and %s became %s", address, got)
		}
	}
	inner, _ := json.Marshal(map[string]string{"error": `Post "https://hooks.slack.com/services/T0/B0/hunter2": EOF`})
	for _, in := range []string{fmt.Sprintf(`{"body":%q}`, inner), "u=https%3A%2F%2Fhooks.slack.com%2Fservices%2FT0%2FB0%2Fhunter2", `{"u":"https:\/\/hooks.slack.com\/services\/T0\/B0\/hunter2"}`} {
		if got := string(rules.Content([]byte(in), 0)); strings.Contains(got, hidden) {
			t.Errorf("%s became %s", in, got)
		}
	}
}
