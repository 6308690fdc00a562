package lambdalocal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

const modesApp = `
import os, time, urllib.request
from snapshot_restore_py import register_before_snapshot, register_after_restore
state = {"restored": False}
@register_before_snapshot
def before():
    print("before the snapshot", flush=True)
@register_after_restore
def after():
    print("after the restore", flush=True)
    state["restored"] = True
    if os.environ.get("HOOK") == "raise":
        raise ValueError("no memory of it")
def handler(event, context):
    if "mark" in event:
        open("/tmp/" + event["mark"], "w").close()
        while not all(os.path.exists("/tmp/" + m) for m in event["until"]):
            time.sleep(0.01)
    if event.get("raise"):
        raise ValueError(event["raise"])
    import boto3
    credentials = boto3.Session().get_credentials()
    return {
        "restored": state["restored"], "pid": os.getpid(), "id": context.aws_request_id, "event": event,
        "key": credentials.access_key if credentials else None, "method": credentials.method if credentials else None,
    }
`

// Sources: PYRIC on_init_complete, AWS "snapstart-runtime-hooks": AWS's own client waits in restore/next, runs its
// hooks, and gets credentials from where the environment says.
func TestPythonSnapStart(t *testing.T) {
	app := managed(t, pythonName, "app.py", modesApp).also(withSnapStart)
	t.Run("restore", func(t *testing.T) {
		e, log := app.start(t)
		if !log.has("before the snapshot") || log.has("after the restore") {
			t.Error("the hooks have not run in their places")
		}
		got, r := ask(t, e, `{"n":1}`)
		if got["restored"] != true || got["key"] != "AKIAEXAMPLE" || got["method"] != "container-role" || r.Restore == 0 || r.Init != 0 {
			t.Errorf("answer is %s, %+v", r.Payload, r)
		}
		if again, r := ask(t, e, `{"n":2}`); again["pid"] != got["pid"] || r.Restore != 0 {
			t.Errorf("second answer is %s", r.Payload)
		}
	})
	t.Run("hook that raises", func(t *testing.T) {
		e, log := app.also(func(f *Function, _ *Options) { f.Env["HOOK"] = "raise" }).start(t)
		_, err := e.Invoke(t.Context(), Invocation{})
		var failed *RestoreError
		if !errors.As(err, &failed) || failed.Status != http.StatusBadRequest || failed.ErrorType != "Runtime.AfterRestoreError" {
			t.Errorf("got %v", err)
		}
		log.wait(t, "RESTORE_REPORT Restore Duration: ")
	})
}

// Sources: LMIENV, PYRIC lambda_multi_concurrent_utils.py: AWS's own client answers several invocations at once,
// each process with its own next.
func TestPythonManagedInstance(t *testing.T) {
	const places = 3
	e, log := managed(t, pythonName, "app.py", modesApp).also(onInstances(places)).start(t)
	var mu sync.Mutex
	pids := map[any]bool{}
	var wg sync.WaitGroup
	for i := range places {
		wg.Go(func() {
			r := invokeOnly(t, e, fmt.Sprintf(`{"mark":"%d","until":["0","1","2"]}`, i))
			var got map[string]any
			if err := json.Unmarshal(r.Payload, &got); err != nil || got["id"] != r.RequestID || got["event"].(map[string]any)["mark"] != fmt.Sprint(i) {
				t.Errorf("answer is %s (%v)", r.Payload, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			pids[got["pid"]] = true
		})
	}
	wg.Wait()
	if len(pids) != places {
		t.Errorf("%d processes answered", len(pids))
	}
	if _, r := ask(t, e, `{"raise":"bad order"}`); r.FunctionError != "Unhandled" || !strings.Contains(string(r.Payload), "bad order") {
		t.Errorf("answer is %s", r.Payload)
	}
	if got, r := ask(t, e, `{}`); !pids[got["pid"]] || r.FunctionError != "" {
		t.Errorf("answer is %s", r.Payload)
	}
	if i := slices.IndexFunc(log.texts(SourcePlatform), func(l string) bool { return strings.Contains(l, "platform.report") }); i < 0 {
		t.Error("no report")
	}
}

const nodeModesApp = `
const fs = require("node:fs");
exports.handler = async (event, context) => {
  if (event.mark) {
    fs.writeFileSync("/tmp/" + event.mark, "");
    while (!event.until.every((m) => fs.existsSync("/tmp/" + m))) await new Promise((done) => setTimeout(done, 5));
  }
  return { id: context.awsRequestId, mark: event.mark };
};
`

// Sources: LMIENV, NODERIC: worker threads, each with several next at once.
func TestNodeManagedInstance(t *testing.T) {
	const places = 4
	e, _ := managed(t, nodeName, "app.js", nodeModesApp).also(onInstances(places)).start(t)
	var wg sync.WaitGroup
	for i := range places {
		wg.Go(func() {
			r := invokeOnly(t, e, fmt.Sprintf(`{"mark":"%d","until":["0","1","2","3"]}`, i))
			if want := fmt.Sprintf(`{"id":"%s","mark":"%d"}`, r.RequestID, i); string(r.Payload) != want {
				t.Errorf("answer is %s, want %s", r.Payload, want)
			}
		})
	}
	wg.Wait()
}
