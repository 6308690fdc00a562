package lambdalocal

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// index is where the first line with part is.
func index(lines []string, part string) int {
	return slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, part) })
}

// Sources: RIE rapid/handlers.go doRuntimeDomainInit; reference 2.1: all extensions are started, in
// parallel; the runtime only after all have registered; the environment is ready after every next.
func TestInitOrder(t *testing.T) {
	l := lambda{
		bootstrap: "time=runtime loop",
		extensions: map[string]string{
			// Neither could get past its "until" if they were started one after the other. Times are taken before they register: the answer may reach
			// the last one when the runtime is there already.
			"one": "touch=/tmp/one until=/tmp/two time=one register=INVOKE,SHUTDOWN loop",
			"two": "touch=/tmp/two until=/tmp/one sleep=50ms time=two register=INVOKE,SHUTDOWN loop",
		},
	}
	e, log := l.start(t)
	if !e.usable {
		t.Fatal("init failed")
	}
	at := func(what string) int64 {
		fields := strings.Fields(log.wait(t, "time "+what))
		n, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if at("runtime") < at("one") || at("runtime") < at("two") {
		t.Error("the runtime was started before every extension had registered")
	}
	for _, name := range []string{"one", "two"} {
		log.wait(t, "EXTENSION\tName: "+name+"\tState: Ready\tEvents: [INVOKE, SHUTDOWN]")
	}
}

// Sources: EXT (what is excluded), RIE rapidcore/env AgentExecEnv (underscores); reference 5.5.
func TestExtensionProcess(t *testing.T) {
	l := lambda{
		bootstrap:  "env time=runtime loop",
		extensions: map[string]string{"ext": "args env time=extension register=INVOKE,SHUTDOWN loop"},
		env:        map[string]string{"MINE": "yes", "TZ": "Europe/Vienna"},
		change: func(_ *Function, o *Options) {
			o.ExtraEnv = map[string]string{"AWS_ACCESS_KEY_ID": "key", "AWS_ENDPOINT_URL": "http://localhost:1"}
		},
	}
	_, log := l.start(t)
	if got := log.wait(t, "args ["); !strings.HasSuffix(got, `/opt/extensions/ext"]`) {
		t.Errorf("arguments of the extension: %s", got)
	}
	log.wait(t, "time runtime ") // what both said before is there then
	log.wait(t, "time extension ")
	envs := map[Source]map[string]string{}
	log.mu.Lock()
	for _, line := range log.lines {
		if text, ok := strings.CutPrefix(line.Text, "env "); ok {
			var list []string
			if err := json.Unmarshal([]byte(text), &list); err != nil {
				t.Fatal(err)
			}
			envs[line.Source] = map[string]string{}
			for _, v := range list {
				name, value, _ := strings.Cut(v, "=")
				envs[line.Source][name] = value
			}
		}
	}
	log.mu.Unlock()
	both := map[string]string{
		"MINE": "yes", "TZ": "Europe/Vienna", "AWS_ACCESS_KEY_ID": "key", "AWS_ENDPOINT_URL": "http://localhost:1",
		"AWS_LAMBDA_FUNCTION_NAME": "probe", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_REGION": "eu-west-1", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
	}
	onlyRuntime := []string{
		"_HANDLER", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
		"AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT",
	}
	for _, source := range []Source{SourceFunction, SourceExtension} {
		for name, value := range both {
			if envs[source][name] != value {
				t.Errorf("%s: %s is %q, want %q", source, name, envs[source][name], value)
			}
		}
	}
	for _, name := range onlyRuntime {
		if _, has := envs[SourceFunction][name]; !has {
			t.Errorf("the runtime has no %s", name)
		}
		if _, has := envs[SourceExtension][name]; has {
			t.Errorf("the extension has %s", name)
		}
	}
	if api := envs[SourceExtension]["AWS_LAMBDA_RUNTIME_API"]; api == "" || strings.HasSuffix(api, ":9001") {
		t.Errorf("AWS_LAMBDA_RUNTIME_API is %q", api)
	}
}

// Source: reference 1.6: only what lies directly in /opt/extensions and is no folder.
func TestDiscoveryOfExtensions(t *testing.T) {
	l := lambda{
		extensions: map[string]string{"ext": ""},
		change: func(f *Function, _ *Options) {
			writeFile(t, filepath.Join(f.Layers[0], "extensions", "folder", "not-an-extension"), "#!/bin/sh\nexit 1\n", 0o755)
		},
	}
	e, log := l.start(t)
	if !e.usable || log.has("not-an-extension") {
		t.Error("a file in a folder was taken for an extension")
	}
}

// Sources: RIE rapid/handlers.go watchEvents; reference 1.7, 4: what an exit or a failed start becomes.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name    string
		l       lambda
		payload string
		want    string // of the answer
		log     string
	}{
		{"runtime exits in an invocation", lambda{}, `{"do":"exit=3"}`,
			`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 3"}`, "Status: error\tError Type: Runtime.ExitError"},
		{"runtime exits with 0", lambda{}, `{"do":"exit=0"}`,
			`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited without providing a reason"}`, ""},
		{"runtime exits in init", lambda{bootstrap: "exit=7"}, `{}`,
			`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 7"}`, "Phase: init\tStatus: error\tError Type: Runtime.ExitError"},
		{"extension exits in init", lambda{extensions: map[string]string{"ext": "register=INVOKE exit=0"}}, `{}`,
			`{"errorType":"Extension.Crash","errorMessage":"RequestId: ID Error: exit code 0"}`, "Phase: invoke\tStatus: error\tError Type: Extension.Crash"},
		{"extension exits before it registers", lambda{extensions: map[string]string{"ext": "exit=1"}}, `{}`,
			`{"errorType":"Extension.Crash","errorMessage":"RequestId: ID Error: exit status 1"}`, "EXTENSION\tName: ext\tState: Started\tEvents: []"},
		{"extension reports an init error and exits", lambda{extensions: map[string]string{"ext": "register=INVOKE initerror=Extension.Bad exit=0"}}, `{}`,
			`{"errorType":"Extension.InitError","errorMessage":"RequestId: ID Error: exit code 0"}`, "State: InitError\tEvents: [INVOKE]\tError Type: Extension.Bad"},
		{"extension exits in an invocation", lambda{bootstrap: "", extensions: map[string]string{"ext": "register=INVOKE next exit=2"}}, `{"do":"sleep=1h"}`,
			`{"errorType":"Extension.Crash","errorMessage":"RequestId: ID Error: exit status 2"}`, "Error Type: Extension.Crash"},
		{"extension reports an exit error and exits", lambda{extensions: map[string]string{"ext": "register=INVOKE next exiterror=Extension.Bad exit=2"}}, `{"do":"sleep=1h"}`,
			`{"errorType":"Extension.ExitError","errorMessage":"RequestId: ID Error: exit status 2"}`, ""},
		{"extension is not executable", lambda{extensions: map[string]string{"ext": ""}, change: func(f *Function, _ *Options) {
			os.Chmod(filepath.Join(f.Layers[0], "extensions", "ext"), 0o644)
		}}, `{}`, `{"errorType":"Extension.LaunchError","errorMessage":"RequestId: ID Error: fork/exec /opt/extensions/ext: permission denied"}`,
			"State: LaunchError\tEvents: []\tError Type: PermissionDenied"},
		{"extension for another processor", lambda{extensions: map[string]string{"ext": ""}, change: func(f *Function, _ *Options) {
			otherProcessor(t, filepath.Join(f.Layers[0], "extensions", "ext"))
		}}, `{}`, `{"errorType":"Extension.LaunchError","errorMessage":"RequestId: ID Error: fork/exec /opt/extensions/ext: exec format error"}`,
			"State: LaunchError\tEvents: []\tError Type: UnknownError"},
		{"extension whose interpreter is missing", lambda{extensions: map[string]string{"ext": ""}, change: func(f *Function, _ *Options) {
			writeFile(t, filepath.Join(f.Layers[0], "extensions", "ext"), "#!/opt/bin/perl6\n", 0o755)
		}}, `{}`, `{"errorType":"Extension.LaunchError","errorMessage":"RequestId: ID Error: fork/exec /opt/extensions/ext: no such file or directory"}`,
			"State: LaunchError\tEvents: []\tError Type: UnknownError"},
		{"extension that is a link to nowhere", lambda{extensions: map[string]string{}, change: func(f *Function, _ *Options) {
			os.Mkdir(filepath.Join(f.Layers[0], "extensions"), 0o755)
			os.Symlink("/opt/nowhere", filepath.Join(f.Layers[0], "extensions", "ext"))
		}}, `{}`, `{"errorType":"Extension.LaunchError","errorMessage":"RequestId: ID Error: fork/exec /opt/extensions/ext: no such file or directory"}`, "State: LaunchError"},
		{"eleven extensions", lambda{extensions: map[string]string{"a": "", "b": "", "c": "", "d": "", "e": "", "f": "", "g": "", "h": "", "i": "", "j": "", "k": ""}}, `{}`,
			`{"errorType":"Extension.LaunchError","errorMessage":"RequestId: ID Error: ErrTooManyExtensions"}`, "Name: k\tState: LaunchError\tEvents: []\tError Type: TooManyExtensions"},
		{"no bootstrap", lambda{change: func(f *Function, _ *Options) { os.Remove(filepath.Join(f.Code, "bootstrap")) }}, `{}`,
			`{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: ID Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}`, ""},
		{"bootstrap is not executable", lambda{change: func(f *Function, _ *Options) { os.Chmod(filepath.Join(f.Code, "bootstrap"), 0o644) }}, `{}`,
			`{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: ID Error: fork/exec /var/task/bootstrap: permission denied"}`, ""},
		{"bootstrap for another processor", lambda{change: func(f *Function, _ *Options) { otherProcessor(t, filepath.Join(f.Code, "bootstrap")) }}, `{}`,
			`{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: ID Error: fork/exec /var/task/bootstrap: exec format error"}`, ""},
		{"bootstrap whose interpreter is missing", lambda{change: func(f *Function, _ *Options) {
			writeFile(t, filepath.Join(f.Code, "bootstrap"), "#!/usr/bin/no-such-interpreter\n", 0o755)
		}}, `{}`, `{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: ID Error: fork/exec /var/task/bootstrap: no such file or directory"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, log := c.l.start(t)
			r := invokeOnly(t, e, c.payload)
			got := strings.ReplaceAll(string(r.Payload), r.RequestID, "ID")
			if !strings.HasSuffix(got, c.want) || r.FunctionError != "Unhandled" {
				t.Errorf("answer is %s %s, want %s", got, r.FunctionError, c.want)
			}
			if err := e.Idle(t.Context()); err != nil {
				t.Fatal(err)
			}
			if c.log != "" {
				log.wait(t, c.log)
			}
			if report := e.LastReport(); report.Status != "error" || report.ErrorType == "" {
				t.Errorf("report is %+v", report)
			}
		})
	}
}

// After a crash the next invocation finds a new generation of processes and new identifiers (LRE).
func TestInvocationAfterACrash(t *testing.T) {
	e, log := lambda{extensions: map[string]string{"ext": "pid register=INVOKE,SHUTDOWN loop"}}.start(t)
	if r, _ := invoke(t, e, `{"do":"exit=1"}`); r.FunctionError == "" {
		t.Error("no error")
	}
	log.wait(t, `"shutdownReason":"failure"`)
	r, report := invoke(t, e, `{"n":2}`)
	if string(r.Payload) != `{"n":2}` || report.Status != "success" {
		t.Errorf("answer is %s, report %+v", r.Payload, report)
	}
}

// Source: LRE: init has 10 s; what does not get through is tried again in the first invocation, under the
// function's timeout. The limit itself is not waited for in this test: the second try shows the rule.
func TestInitThatNeverEnds(t *testing.T) {
	t.Parallel()
	e, log := lambda{timeout: time.Second, extensions: map[string]string{"ext": "register=INVOKE,SHUTDOWN say=deaf sleep=1h"},
		change: func(f *Function, o *Options) {}}.startWithInitLimit(t, 500*time.Millisecond)
	log.wait(t, "INIT_REPORT Init Duration: ")
	log.wait(t, "Phase: init\tStatus: timeout")
	log.wait(t, "State: Registered")
	r := invokeOnly(t, e, `{}`)
	if !strings.Contains(string(r.Payload), "Task timed out after 1.00 seconds") {
		t.Errorf("answer is %s", r.Payload)
	}
	log.wait(t, "Phase: invoke\tStatus: timeout")
}

// startWithInitLimit is start with another limit of the init phase.
func (l lambda) startWithInitLimit(t *testing.T, limit time.Duration) (*Environment, *recorder) {
	change := l.change
	l.change = func(f *Function, o *Options) {
		change(f, o)
		o.initLimit = limit
	}
	return l.start(t)
}

// An extension may be a link, also an absolute one: it leads to somewhere in what the function sees.
func TestExtensionThatIsALink(t *testing.T) {
	e, log := lambda{extensions: map[string]string{"ext": ""}, change: func(f *Function, o *Options) {
		o.byPath = false // there an absolute link leads to this machine's /opt
		file := filepath.Join(f.Layers[0], "extensions", "ext")
		os.Rename(file, filepath.Join(f.Layers[0], "program"))
		os.Symlink("/opt/program", file)
	}}.start(t)
	if _, paths := e.box.(*pathSandbox); paths {
		t.Skip("an absolute link into /opt needs a private file system")
	}
	log.wait(t, "EXTENSION\tName: ext\tState: Ready")
}

// otherProcessor makes a file a program for a processor that this machine does not have.
func otherProcessor(t *testing.T, path string) {
	t.Helper()
	var header bytes.Buffer
	if err := binary.Write(&header, binary.LittleEndian, elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_S390), Version: uint32(elf.EV_CURRENT), Ehsize: 64,
	}); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, header.String(), 0o755)
}

// Sources: RIE rapi/handler/agentregister.go; reference 1.1: a name that is no file's becomes an internal
// extension, and init waits for the file until its time is over.
func TestExtensionThatRegistersUnderAnotherName(t *testing.T) {
	t.Parallel()
	e, log := lambda{timeout: time.Second, extensions: map[string]string{"ext": "register=INVOKE@other loop"},
		change: func(*Function, *Options) {}}.startWithInitLimit(t, 500*time.Millisecond)
	log.wait(t, "EXTENSION\tName: ext\tState: Started\tEvents: []")
	log.wait(t, "EXTENSION\tName: other\tState: Ready\tEvents: [INVOKE]")
	log.wait(t, "Phase: init\tStatus: timeout")
	if r := invokeOnly(t, e, `{}`); !strings.Contains(string(r.Payload), "Task timed out") {
		t.Errorf("answer is %s", r.Payload)
	}
}

// oomBox is a sandbox in which processes run out of memory, as its count says.
type oomBox struct {
	sandbox
	kills int64
}

func (b *oomBox) oomKills() int64 { return b.kills }

// Sources: reference 2.4; RIE-LMI rapid/shutdown.go: which end of a runtime is called what.
func TestOutOfMemory(t *testing.T) {
	for _, c := range []struct {
		name    string
		runtime string
		status  exitStatus
		kills   int64 // in this generation
		want    string
	}{
		{"python", "python3.13", exitStatus{signal: syscall.SIGKILL}, 1, "Runtime.OutOfMemory"},
		{"ruby", "ruby3.4", exitStatus{signal: syscall.SIGKILL}, 1, "Runtime.OutOfMemory"},
		{"node", "nodejs22.x", exitStatus{signal: syscall.SIGKILL}, 1, "Runtime.ExitError"},
		{"killed by somebody", "python3.13", exitStatus{signal: syscall.SIGKILL}, 0, "Runtime.ExitError"},
		{"another process was killed, and this one left", "python3.13", exitStatus{code: 1}, 1, "Runtime.ExitError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			box := &oomBox{kills: 3}
			e := &Environment{fn: Function{Runtime: c.runtime}, box: box}
			g := newGeneration(e.fn)
			g.oomKills = e.oomKills()
			box.kills += c.kills
			p := &process{exited: make(chan struct{}), status: c.status}
			close(p.exited)
			e.watchRuntime(g, p)
			if g.failure.errorType != c.want || g.failure.message != "Runtime exited with error: "+c.status.String() {
				t.Errorf("the failure is %+v, want %s", g.failure, c.want)
			}
		})
	}
}
