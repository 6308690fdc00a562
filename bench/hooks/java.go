//go:build linux

package main

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/afterglow-lambda/afterglow/internal/runtimes"
)

const javaRuntime = "java17"

func java() language {
	return language{
		name: "java", libraries: []string{"HttpURLConnection", "java.net.http"}, warmup: 60, // compilers take long to make up their mind
		mark:  marks{call: 15 * time.Microsecond, init: 60 * time.Millisecond},
		build: buildJava,
	}
}

func buildJava(ctx context.Context, shop *workshop) (program, error) {
	rt, err := runtimes.Find(ctx, javaRuntime, runtimes.Options{Progress: shop.progress})
	if err != nil {
		return program{}, err
	}
	manifest, err := shop.read("java", "pom.xml")
	if err != nil {
		return program{}, err
	}
	peer, err := shop.install(javaRuntime, [][]byte{manifest}, func(dir string) error {
		if err := os.WriteFile(filepath.Join(dir, "pom.xml"), manifest, 0o644); err != nil { //nolint:gosec // no secret
			return err
		}
		return runtimes.Maven(ctx, runtimes.Options{Progress: shop.progress}, dir, nil, runtimes.MavenCopy, "-DincludeScope=runtime", "-Dmdep.stripVersion=true",
			"-DoutputDirectory="+dir)
	})
	if err != nil {
		return program{}, err
	}
	code, err := os.MkdirTemp(shop.dir, "java-")
	if err != nil {
		return program{}, err
	}
	sources, err := filepath.Glob(filepath.Join(shop.programs, "java", "bench", "*.java"))
	if err != nil {
		return program{}, err
	}
	argv := append([]string{filepath.Join(rt.Lang, "bin", "javac"), "--release", "11", "-cp", filepath.Join(rt.Dir, "lib", "*"), "-d", code}, sources...)
	if err := command(ctx, code, argv...); err != nil {
		return program{}, err
	}
	agent := "-javaagent:" + filepath.Join(peer, "opentelemetry-javaagent.jar")
	return program{
		title: "Java 17", rt: rt, code: code, caller: "bench.Caller", idle: "bench.Idle",
		start: func(v variant, argv []string, env map[string]string) []string {
			switch v {
			case exporting: // the agent knows Lambda's handlers, and has its spans flushed when one has returned
				maps.Copy(env, map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"})
			case discarding:
				env["OTEL_TRACES_EXPORTER"] = "none"
			default:
				return argv
			}
			maps.Copy(env, map[string]string{"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"})
			at := slices.IndexFunc(argv, func(a string) bool { return filepath.Base(a) == "java" })
			return slices.Insert(slices.Clone(argv), at+1, agent)
		},
	}, nil
}
