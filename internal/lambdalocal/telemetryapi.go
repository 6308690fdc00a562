package lambdalocal

import "net/http"

// telemetryRoutes are the Telemetry API (TEL, TELREF) and its predecessor, the Logs API, which is not
// offered any more. With Options.NoTelemetry they answer as AWS's own emulator and SAM do: accepted, and
// nothing will come (TELREF "202: request accepted … in local testing environment"). Extensions have to
// live with that.
func (a *apiServer) telemetryRoutes(mux *http.ServeMux) {
	subscribe := identified(func(w http.ResponseWriter, r *http.Request, id string) {
		g := a.current.Load()
		x := g.registered(id)
		if x == nil { // RIE rapi/handler/runtimelogs.go
			refuse(w, http.StatusForbidden, unknownExtension, "Unknown extension "+id)
			return
		}
		g.stream.Subscribe(w, r, x.name)
	})
	handle(mux, "PUT", "/2022-07-01/telemetry", func(w http.ResponseWriter, r *http.Request) {
		if a.current.Load().noTelemetry {
			refuse(w, http.StatusAccepted, "Telemetry.NotSupported", "Telemetry API is not supported")
			return
		}
		subscribe(w, r)
	})
	handle(mux, "PUT", "/2020-08-15/logs", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusAccepted, "Logs.NotSupported", "Logs API is not supported")
	})
}
