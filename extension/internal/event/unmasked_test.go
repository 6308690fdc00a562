package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestUnmaskedDataPrintsNothingOfItself(t *testing.T) {
	const secret = "hunter2"
	call := Call{
		URL:            TextOf(secret),
		Request:        Body{Data: BytesOf([]byte(secret))},
		RequestHeaders: []Header{{Name: "X", Value: TextOf(secret)}},
		Error:          &Error{Message: TextOf(secret), Stack: TextOf(secret)},
		Target:         Target{Attributes: []Attribute{{Name: "a", Value: TextOf(secret)}}},
	}
	inv := Invocation{Event: Body{Data: BytesOf([]byte(secret))}, Calls: []Call{call}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{inv, &inv, call, call.URL, call.Request.Data, &call.URL, inv.Calls} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, secret) || strings.Contains(got, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s of %T shows unmasked data: %s", verb, v, got)
			}
		}
	}
	j, err := json.Marshal(inv)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(j, []byte(secret)) || bytes.Contains(j, []byte("aHVudGVyMg")) {
		t.Errorf("JSON shows unmasked data: %s", j)
	}
	var log bytes.Buffer
	l := zerolog.New(&log)
	l.Info().Interface("i", inv).Stringer("s", call.URL).Any("a", call.Request.Data).Msgf("%v", inv)
	if strings.Contains(log.String(), secret) || strings.Contains(log.String(), "aHVudGVyMg") {
		t.Errorf("zerolog shows unmasked data: %s", log.String())
	}
	if call.URL.Reveal() != secret || string(call.Request.Data.Reveal()) != secret {
		t.Error("Reveal does not reveal")
	}
}
