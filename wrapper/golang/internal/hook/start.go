// Package hook is what all of the Go hook shares: start, guard, spool and handler, under the names that they have in the hooks of other languages.
// Package nethttp, beside it, sees the calls; the packages above put both in place.
//
// It takes the settings from the environment, what passed between the runtime client and Lambda's Runtime API, and records of calls. It gives files of the
// spool (spool/FORMAT.md). It promises that nothing of it panics, waits, or writes to anything of the function's, and that without Afterglow's layer it
// does nothing at all: Process gives nil then, and nothing is to be put in place.
package hook

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/afterglow-lambda/afterglow/settings"
)

// layerDir is there where the layer is, and with it the extension that reads what is written here.
const layerDir = "/opt/afterglow"

// A Hook is the hook of this process.
type Hook struct {
	Guard
	Settings Settings
	Handler  *Handler
	Calls    Counter // names calls
	API      string  // host and port of the Runtime API, whose requests are Lambda's

	// AtDial is called when http.DefaultTransport or a copy of it has made a connection; lambda tells that it is to the Runtime API.
	AtDial func(lambda bool)

	Overlaid atomic.Bool // the program was built with the overlay, so that nothing else is to be put in place
	spool    *Spool
	pending  pendings
}

// Settings are the ones of docs/settings.md that hooks read.
type Settings struct {
	Dir             string
	DirBytes        int64
	InvocationBytes int64
	BodyBytes       int
	EventBytes      int
	HeaderBytes     int
	Propagation     Propagation
}

// Process gives the hook of this process, which is started by the first who asks for it, or nil if there is to be none.
func Process() *Hook { return process() }

var process = sync.OnceValue(func() *Hook {
	return New(os.Getenv, isThere)
})

func isThere(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// New starts a hook, if the environment is Lambda's and has Afterglow in it: there is a Runtime API, and there is the layer, or somebody has said where the
// spool is. AFTERGLOW_DISABLED goes before everything.
func New(getenv func(string) string, isThere func(file string) bool) (h *Hook) {
	api := getenv("AWS_LAMBDA_RUNTIME_API")
	if api == "" || disabled(getenv("AFTERGLOW_DISABLED")) || getenv("AFTERGLOW_SPOOL_DIR") == "" && !isThere(layerDir) {
		return nil
	}
	h = &Hook{API: api}
	h.Calls.process = strconv.Itoa(os.Getpid()) + "-"
	defer func() {
		if recover() != nil {
			h = nil // nothing was changed yet
		}
	}()
	h.read(getenv)
	concurrency, err := strconv.Atoi(getenv("AWS_LAMBDA_MAX_CONCURRENCY")) // on Managed Instances; as the runtime client reads it
	if err != nil {
		concurrency = 1
	}
	h.spool = newSpool(&h.Guard, h.Settings, getenv, concurrency > 1)
	h.Handler = newHandler(h.spool, h.Settings, getenv("_HANDLER"), concurrency)
	h.Handler.atBegin = h.abandon
	return h
}

func disabled(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "1", "true":
		return true
	}
	return false
}

// read reads the settings. A wrong value is a line in the log, and the default.
func (h *Hook) read(getenv func(string) string) {
	v := settings.Read(getenv)
	h.setLevel(v.String("AFTERGLOW_LOG_LEVEL"))
	h.Settings = Settings{
		Dir:             v.String("AFTERGLOW_SPOOL_DIR"),
		DirBytes:        int64(v.Bytes("AFTERGLOW_SPOOL_DIR_BYTES")),
		InvocationBytes: int64(v.Bytes("AFTERGLOW_SPOOL_INVOCATION_BYTES")),
		BodyBytes:       v.Bytes("AFTERGLOW_CAPTURE_BODY_BYTES"),
		EventBytes:      v.Bytes("AFTERGLOW_CAPTURE_EVENT_BYTES"),
		HeaderBytes:     v.Bytes("AFTERGLOW_CAPTURE_HEADER_BYTES"),
		Propagation:     v.List("AFTERGLOW_PROPAGATION_DOMAINS"),
	}
	for _, warning := range v.Warnings() {
		var e *settings.Error
		if errors.As(warning, &e) {
			h.Say("warn", "the value of "+e.Name+" cannot be used, the default is; docs/settings.md has the bounds")
		}
	}
}
