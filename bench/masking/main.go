//go:build linux

// Command masking measures how much content the extension masks in a second of one core, by its kind.
//
// It takes the module's source (run it inside) and runs the benchmark of the package that does it, since nobody else may import that. It gives a Markdown
// report, on the standard output and in bench/results: of several runs the best, because whatever else a machine does only makes them worse.
//
//	go run ./bench/masking                       five runs, about a minute
//	go run ./bench/masking -n 1 -time 10ms -o "" quickly, without the file
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/afterglow-lambda/afterglow/bench/host"
)

const (
	masking = "./extension/internal/mask/internal/redact"
	name    = "BenchmarkContent"
	// mark is what the design asks for of JSON, in MB/s.
	mark = 200
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("masking", flag.ContinueOnError)
	flags.SetOutput(stderr)
	runs := flags.Int("n", 5, "`runs` of each kind")
	length := flags.Duration("time", 300*time.Millisecond, "`time` of a run")
	output := flags.String("o", "bench/results/masking.md", "`file` for the report, relative to the module; empty for none")
	if err := flags.Parse(args); err != nil {
		return 2 // the flag package has said why
	}
	if err := bench(ctx, max(1, *runs), *length, *output, stdout); err != nil {
		fmt.Fprintln(stderr, "masking:", err)
		return 1
	}
	return 0
}

// A speed is the best of what was measured of a kind.
type speed struct {
	cpu    float64 // MB/s of CPU time
	beside float64 // of the time that encoding/json's check of the same content takes; 0 for what is no JSON
}

func bench(ctx context.Context, runs int, length time.Duration, output string, stdout io.Writer) error {
	module, err := host.ModuleDir(ctx)
	if err != nil {
		return err
	}
	load := host.LoadAverage()
	command := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^"+name+"$", "-benchtime", length.String(), "-count", strconv.Itoa(runs), masking)
	command.Dir = module
	command.Env = append(os.Environ(), "GOMAXPROCS=1")
	out, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %s: %w\n%s", name, err, out)
	}
	best, err := parse(out)
	if err != nil {
		return err
	}
	return host.Publish(ctx, write(best, runs, load), output, stdout)
}

// parse reads what the testing package prints.
func parse(out []byte) (map[string]speed, error) {
	best := map[string]speed{}
	for line := range bytes.Lines(out) {
		fields := strings.Fields(string(line))
		if len(fields) < 2 || !strings.HasPrefix(fields[0], name+"/") {
			continue
		}
		kind := strings.ReplaceAll(strings.TrimPrefix(fields[0], name+"/"), "_", " ")
		if at := strings.LastIndexByte(kind, '-'); at > 0 { // the number of threads
			kind = kind[:at]
		}
		s := best[kind]
		for n := 1; n+1 < len(fields); n++ {
			value, err := strconv.ParseFloat(fields[n], 64)
			if err != nil {
				continue
			}
			switch fields[n+1] {
			case "cpu-MB/s":
				s.cpu = max(s.cpu, value)
			case "×json.Valid":
				if s.beside == 0 || value < s.beside {
					s.beside = value
				}
			}
		}
		best[kind] = s
	}
	if len(best) == 0 {
		return nil, errors.New("nothing was measured")
	}
	return best, nil
}

// write makes the report.
func write(best map[string]speed, runs int, load float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# How fast the extension masks\n\n")
	fmt.Fprintf(&b, "Written by `go run ./bench/masking`; run it again rather than compare across machines.\n\n")
	fmt.Fprintf(&b, "%s. %s. The best of %d runs, load average %.1f at the start. The mark: JSON at %d MB/s on one core.\n\n",
		host.Machine(), time.Now().UTC().Format("2 January 2006"), runs, load, mark)
	b.WriteString("| content | MB/s | × encoding/json's check |\n|---|---|---|\n")
	for _, kind := range slices.Sorted(maps.Keys(best)) {
		beside := "–"
		if s := best[kind].beside; s > 0 {
			beside = fmt.Sprintf("%.2f", s)
		}
		fmt.Fprintf(&b, "| %s | %.0f | %s |\n", kind, best[kind].cpu, beside)
	}
	b.WriteString(`
## How to read it

- A megabyte of each, with the default rules; MB/s of CPU time. "× encoding/json's check" is the time beside that of json.Valid on the same content in the same
  run: below 1 is faster.
- orders: documents of a shop. secrets: a third of the values are hidden. nested: JSON in strings of JSON, as queues carry it. uuids, numbers, long text, escapes: JSON
  of little else. form, xml, text: what their names say; text is lines of a log.
`)
	return b.String()
}
