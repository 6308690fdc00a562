package lambdalocal

import "net/http"

// telemetryRoutes answer as AWS's own emulator and SAM do: accepted, and nothing will come. Extensions
// have to live with that (TELREF: "202: request accepted … in local testing environment").
func (a *apiServer) telemetryRoutes(mux *http.ServeMux) {
	mux.HandleFunc("PUT /2022-07-01/telemetry", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusAccepted, "Telemetry.NotSupported", "Telemetry API is not supported")
	})
	mux.HandleFunc("PUT /2020-08-15/logs", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusAccepted, "Logs.NotSupported", "Logs API is not supported")
	})
}
