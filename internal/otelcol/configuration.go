package otelcol

import (
	"net"
	"strconv"
)

// A node is a part of the Collector's configuration: https://opentelemetry.io/docs/collector/configuration/
type node map[string]any

// configuration makes one pipeline a signal. What comes is sent on before it is answered: no queue, no second try, no batches, so that an answer
// tells what became of the request.
func (c *Collector) configuration(o Options) node {
	http := node{"endpoint": c.addr}
	if o.CertFile != "" {
		tls := node{"cert_file": o.CertFile, "key_file": o.KeyFile}
		if o.ClientCAFile != "" {
			tls["client_ca_file"] = o.ClientCAFile
		}
		http["tls"] = tls
	}
	if o.MaxBody > 0 {
		http["max_request_body_size"] = o.MaxBody
	}
	processors, pipeline := node{}, node{"receivers": []string{"otlp"}, "exporters": []string{"otlp_http"}}
	if o.ShortOfMemory {
		// Any Go program of this size has more than a mebibyte.
		processors["memory_limiter"] = node{"check_interval": "100ms", "limit_mib": 1, "spike_limit_mib": 0}
		pipeline["processors"] = []string{"memory_limiter"}
	}
	host, port, _ := net.SplitHostPort(c.metrics) // it is a listener's own
	number, _ := strconv.Atoi(port)
	prometheus := node{"host": host, "port": number}
	return node{
		"receivers":  node{"otlp": node{"protocols": node{"http": http}}},
		"processors": processors,
		"exporters": node{"otlp_http": node{
			"endpoint": o.Forward, "compression": "none",
			"sending_queue": node{"enabled": false}, "retry_on_failure": node{"enabled": false},
		}},
		"service": node{
			"pipelines": node{"traces": pipeline, "metrics": pipeline, "logs": pipeline},
			"telemetry": node{"metrics": node{"readers": []node{{"pull": node{"exporter": node{"prometheus": prometheus}}}}}},
		},
	}
}
