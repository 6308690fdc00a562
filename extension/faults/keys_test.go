package faults

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
)

// keyRows are faults of the keeper of the collector's key: SSM's Parameter Store.
func keyRows() []row {
	credentials := func(o *lambdalocal.Options) {
		o.ExtraEnv = map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "none"}
	}
	inLog := oftenFlushed()
	inLog["AFTERGLOW_UNDELIVERED"] = "log"
	return []row{
		{name: "the keeper of its key hangs until a reset", does: "SSM, where its key is kept, does not answer until the function was killed.", set: setting{options: credentials}, story: func(s *stage) {
			k := new(key)
			s.keyed(k)
			s.begin()
			s.busy(2)
			s.invoke(get("/a"), step{"kill"})
			k.kept.Store(true)
			s.busy(1)
		}},
		{name: "SHUTDOWN while its key is fetched", does: "Its key does not hold any more, and SSM never answers when it is asked for another one, between closely following invocations; with AFTERGLOW_UNDELIVERED=log.",
			inLog: true, set: setting{env: inLog, options: credentials}, story: func(s *stage) {
				k := new(key)
				k.kept.Store(true)
				s.keyed(k)
				s.begin()
				s.busy(6)
				k.refused.Store(true)
				k.kept.Store(false)
				s.busy(6)
			}},
	}
}

// A key is what the collector asks for. Its keeper answers only while it is kept.
type key struct{ kept, refused atomic.Bool }

// keyed has the collector refuse whoever has not its key, and the key in SSM.
func (s *stage) keyed(k *key) {
	s.Helper()
	const value = "of-the-collector"
	keeper := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		if !k.kept.Load() {
			<-r.Context().Done() // who asks has given up
			return
		}
		_, _ = io.WriteString(w, `{"Parameter":{"Value":"`+value+`"}}`)
	}))
	s.Cleanup(func() {
		keeper.CloseClientConnections()
		keeper.Close()
	})
	s.in(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		wrong := k.refused.Load() || r.Header.Get("Api-Key") != value
		if wrong {
			w.WriteHeader(http.StatusUnauthorized)
		}
		return wrong
	})
	s.set.env["AFTERGLOW_OTLP_SECRET"], s.set.env["AFTERGLOW_OTLP_SECRET_HEADER"] = "/collector/key", "api-key"
	s.set.env["AWS_ENDPOINT_URL_SSM"] = keeper.URL
}
