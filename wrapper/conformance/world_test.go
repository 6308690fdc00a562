package conformance

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/lambdalocal"
	"github.com/afterglow-lambda/afterglow/internal/runtimes"
	"github.com/afterglow-lambda/afterglow/wrapper"
)

const (
	// wholeCore is the memory that brings a whole core: stories are no benchmarks.
	wholeCore = 1769
	// timeout is that of functions that do not run into it.
	timeout = 60 * time.Second
	// patience bounds every wait for something that is about to happen.
	patience = 30 * time.Second
	// installedSet is the set of libraries that the shared environments have.
	installedSet = "libraries"
	// hookPath is where the exec wrapper is in the layer.
	hookPath = "/opt/afterglow/exec-wrapper"
)

// A world is one version of one language: its peer, and the two environments that most of its stories share.
type world struct {
	actor  actor
	rt     runtimes.Runtime
	peer   *peer
	plain  string // a layer that has nothing in the place of the exec wrapper
	hooked string // Afterglow's
	shared map[bool]*environment
	built  map[string]string // sources and what was made of them
	once   bool              // nothing is told again
	wavers string            // the file that keeps what went wrong once and well afterwards
	whole  *testing.T        // of all its stories: what is built for one of them may serve the next
}

func newWorld(t *testing.T, a actor, rt runtimes.Runtime) *world {
	t.Helper()
	w := &world{actor: a, rt: rt, peer: newPeer(t), plain: t.TempDir(), hooked: t.TempDir(), shared: map[bool]*environment{}, built: map[string]string{}, whole: t, wavers: absolute(t, "..", "..", ".afterglow", "wavered.txt")}
	// A shell comes first in both runs: it puts variables of its own into the environment, which a function may print.
	write(t, filepath.Join(w.plain, "afterglow", "exec-wrapper"), []byte("#!/bin/sh\nexec \"$@\"\n"), 0o755)
	files, err := wrapper.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		mode := os.FileMode(0o644)
		if file.Executable {
			mode = 0o755
		}
		write(t, filepath.Join(w.hooked, "afterglow", filepath.FromSlash(file.Path)), file.Data, mode)
	}
	return w
}

func write(t *testing.T, path string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
}

// An environment is a function that runs, with the hook or without.
type environment struct {
	*lambdalocal.Environment
	hooked bool
	log    logged
}

// environment gives the one that a story is told in: the shared one, or one of its own. The shared ones last as long as the outer test.
func (w *world) environment(outer, t *testing.T, s story, library string, hooked bool) *environment {
	t.Helper()
	if s.alone() {
		return w.start(t, s, library, hooked)
	}
	if w.shared[hooked] == nil {
		e := w.start(outer, story{name: "shared", Packages: installedSet}, "", hooked)
		e.log.take() // its init is none of the first story's
		w.shared[hooked] = e
	}
	return w.shared[hooked]
}

func (w *world) start(t *testing.T, s story, library string, hooked bool) *environment {
	t.Helper()
	e := &environment{hooked: hooked, log: logged{noise: w.actor.noise}}
	handler, ok := w.actor.handlers[s.Handler]
	if !ok {
		handler = s.Handler // one of the story's own code
	}
	fn := lambdalocal.Function{
		Name: "conformance", Runtime: w.rt.Name, Handler: handler, Code: w.code(t, s, hooked), Layers: w.layersOf(t, s, library, hooked), Env: w.env(t, s, library, hooked),
		MemoryMB: s.MemoryMB, EphemeralMB: s.TempMB, Timeout: time.Duration(s.TimeoutMS) * time.Millisecond, LogFormat: s.LogFormat,
		InitType: lambdalocal.InitType(s.InitType), MaxConcurrency: s.Concurrency,
	}
	if fn.MemoryMB == 0 {
		fn.MemoryMB = wholeCore
	}
	if fn.Timeout == 0 {
		fn.Timeout = timeout
	}
	var err error
	e.Environment, err = lambdalocal.Start(t.Context(), fn, lambdalocal.Options{Dir: filepath.Join(t.TempDir(), "environment"), Runtime: w.rt, Log: e.log.write})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

// env gives a function's variables. The peer's addresses are in them for what is done at init, and in every event.
func (w *world) env(t *testing.T, s story, library string, hooked bool) map[string]string {
	t.Helper()
	env := map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": hookPath, "PEER": w.peer.address, "SECURE_PEER": w.peer.secure, "SECOND_PEER": w.peer.second, "PEER_CA": "/opt/peer/ca.pem", "PYTHONHASHSEED": "0"}
	if len(s.Init) > 0 {
		env["STORY_INIT"] = string(eventOf(t, w.peer, library, s.Init, 0))
	}
	maps.Copy(env, s.Env)
	if s.Wrapper != "" {
		env["AWS_LAMBDA_EXEC_WRAPPER"] = s.Wrapper
	}
	if hooked {
		if s.Wrapper != "" { // as the construct does it
			env["AWS_LAMBDA_EXEC_WRAPPER"], env["AFTERGLOW_EXEC_WRAPPER_NEXT"] = hookPath, s.Wrapper
		}
		if w.actor.hook != nil {
			w.actor.hook(env)
		}
		maps.Copy(env, s.HookedEnv)
	}
	return env
}

// code gives /var/task: the actor, or the code that the story has.
func (w *world) code(t *testing.T, s story, hooked bool) string {
	t.Helper()
	source, name := absolute(t, "actors", w.actor.language), "actor"
	files, own := s.code(w.actor.language)
	if own {
		name = s.name
	}
	if w.actor.compiledIn {
		name = fmt.Sprint(name, " ", hooked)
	}
	if w.built[name] == "" {
		if own {
			source = w.whole.TempDir()
			lay(t, source, files)
		}
		w.built[name] = w.actor.build(w.whole, w.rt, source, hooked)
	}
	return w.built[name]
}

// layersOf gives a function's layers. The later ones win, so the story's own comes last.
func (w *world) layersOf(t *testing.T, s story, library string, hooked bool) []string {
	t.Helper()
	certificate := filepath.Join(t.TempDir(), "certificate")
	data, err := os.ReadFile(filepath.Join(w.peer.certificate, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(certificate, "peer", "ca.pem"), data, 0o644)
	layers := []string{w.plain, certificate}
	if hooked {
		layers[0] = w.hooked
	}
	set := s.Packages
	if set == "" && slices.Contains(w.actor.installed, library) { // every environment has a copy of them, which takes time
		set = installedSet
	}
	if set != "" && w.actor.layers != nil && w.rt.Name == w.actor.versions[0] {
		layers = append(layers, w.actor.layers(t, w.rt, set)...)
	}
	if files, ok := s.layer(); ok {
		dir := filepath.Join(t.TempDir(), "layer")
		lay(t, dir, files)
		layers = append(layers, dir)
	}
	return layers
}

// lay writes files. Those that begin with "#!" are programs.
func lay(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, data := range files {
		mode := os.FileMode(0o644)
		if len(data) > 1 && string(data[:2]) == "#!" {
			mode = 0o755
		}
		write(t, filepath.Join(dir, filepath.FromSlash(name)), data, mode)
	}
}
