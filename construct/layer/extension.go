package layer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// buildFlags make the binary a function of source and toolchain alone: no paths, no build id, no state of a repository. Without
// symbol table and DWARF it is a third smaller, and without HTTP/2, which OTLP over HTTP does not need, by another twentieth.
func buildFlags() []string {
	flags := []string{"-mod=readonly", "-trimpath", "-buildvcs=false", "-tags=nethttpomithttp2", "-ldflags=-s -w -buildid="}
	for _, pattern := range seldomRun {
		flags = append(flags, "-gcflags="+pattern+"=-l")
	}
	return flags
}

// seldomRun are packages that the extension's work runs through a few times a flush or an invocation, not once a byte or a record. They are compiled
// without inlining, which copies code to where it is called: the zipped binary is a fourteenth smaller for it, and so is what a cold
// start reads and keeps in memory. What is quick for a reason is not among them: the ciphers, ML-KEM and the curve that handshakes use
// (a handshake costs the same CPU time as before, and a third more with all of crypto here), the runtime, strings and compression.
var seldomRun = []string{
	"crypto/tls", "crypto/x509/...", "crypto/ecdsa", "crypto/elliptic", "crypto/rsa", "crypto/ecdh", "crypto/hpke", "crypto/ed25519",
	"crypto/internal/fips140/nistec/...", "crypto/internal/fips140/rsa", "crypto/internal/fips140/ecdsa", "crypto/internal/fips140/ed25519",
	"encoding/asn1", "encoding/json", "encoding/pem", "math/big", "net", "net/...", "mime/...", "fmt", "reflect", "log/...", "time",
	"vendor/golang.org/x/net/...", "vendor/golang.org/x/text/...", "vendor/golang.org/x/crypto/cryptobyte/...",
	"os", "io/fs", "path/...", "context", "internal/poll", "syscall", "internal/fmtsort",
	"github.com/aws/...", "github.com/rs/...", "golang.org/x/sys/...",
	"crypto/internal/fips140/tls12", "crypto/internal/fips140/tls13", "crypto/internal/fips140/hkdf", "internal/godebug", "internal/bisect",
	"github.com/afterglow-lambda/afterglow/settings", "github.com/afterglow-lambda/afterglow/extension",
	"github.com/afterglow-lambda/afterglow/extension/internal/lambdaapi", "github.com/afterglow-lambda/afterglow/extension/internal/lifecycle",
}

// A built extension is its binary and the licences of what is in it.
type built struct{ binary, notices []byte }

// extension gives the extension: from a cache if the same source was built with the same toolchain before.
func extension(ctx context.Context, source moduleSource, goarch string, caches []string, progress io.Writer) (built, error) {
	toolchain, err := findToolchain(ctx, source)
	if err != nil {
		return built{}, err
	}
	digest, err := source.digest()
	if err != nil {
		return built{}, fmt.Errorf("read source: %w", err)
	}
	key := digestOf(fmt.Appendln(nil, digest, toolchain.version, goarch, buildFlags()))
	name := "extension-" + goarch + "-" + key[:32]
	for _, dir := range caches {
		file := filepath.Join(dir, name)
		binary, whole := unseal(file)
		notices, too := unseal(file + noticesSuffix)
		if whole && too {
			used(file)
			used(file + noticesSuffix)
			return built{binary, notices}, nil
		}
	}
	fmt.Fprintf(progress, "afterglow: building the extension for linux/%s with %s, once for this source\n", goarch, toolchain.version)
	start := time.Now()
	made := built{}
	if made.binary, err = toolchain.build(ctx, source, goarch); err != nil {
		return built{}, err
	}
	if made.notices, err = toolchain.notices(ctx, source, goarch); err != nil {
		return built{}, err
	}
	fmt.Fprintf(progress, "afterglow: built in %.1f s\n", time.Since(start).Seconds())
	if _, err := keep(caches, File{Name: name, Data: seal(made.binary)}, File{Name: name + noticesSuffix, Data: seal(made.notices)}); err != nil {
		fmt.Fprintf(progress, "afterglow: the next build will not be faster: %v\n", err)
	}
	return made, nil
}

// noticesSuffix is behind the name of a cached binary. It is another one whenever what the notices tell of the same source is: those
// of an earlier version must not count.
const noticesSuffix = "-notices2"

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// A toolchain is the user's Go, with everything that would change what it builds taken away.
type toolchain struct {
	version string   // go1.26.1
	env     []string // without GOOS and GOARCH
}

// carried are the variables that say where modules and caches are and how to reach them. They are asked of the go command, which
// also knows those set with `go env -w`; then GOENV=off keeps all other ones from being read there.
var carried = []string{"GOPATH", "GOMODCACHE", "GOCACHE", "GOCACHEPROG", "GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB",
	"GOINSECURE", "GOAUTH", "GOVCS", "GOTOOLCHAIN", "GOTMPDIR"}

// neutralised are the variables that change what is built, or whether. The user's own builds may need them; ours must not see
// them.
var neutralised = regexp.MustCompile(`^(CGO_.*|GOOS|GOARCH|GOFLAGS|GOEXPERIMENT|GODEBUG|GOFIPS140|GOWORK|GO111MODULE|` +
	`GO_EXTLINK_ENABLED|GO386|GOAMD64|GOARM|GOARM64|GOMIPS|GOMIPS64|GOPPC64|GORISCV64|GOWASM)=`)

var goDirective = regexp.MustCompile(`(?m)^go ([0-9][0-9a-z.]*)`)

func findToolchain(ctx context.Context, source moduleSource) (toolchain, error) {
	clean := slices.DeleteFunc(os.Environ(), neutralised.MatchString)
	out, err := goCommand(ctx, source.dir, clean, append([]string{"env", "-json", "GOVERSION"}, carried...)...)
	if err != nil {
		return toolchain{}, fmt.Errorf("%w\nAfterglow needs %s", err, source.goVersion())
	}
	var values map[string]string
	if err := json.Unmarshal(out, &values); err != nil {
		return toolchain{}, fmt.Errorf("read go env: %w", err)
	}
	found := toolchain{version: values["GOVERSION"]}
	if err := refuseOld(found.version, source.goVersion()); err != nil {
		return toolchain{}, err
	}
	found.env = slices.DeleteFunc(clean, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(carried, name)
	})
	for _, name := range carried {
		if values[name] != "" {
			found.env = append(found.env, name+"="+values[name])
		}
	}
	found.env = append(found.env, "GOENV=off", "GOWORK=off", "CGO_ENABLED=0", "GOOS=linux")
	return found, nil
}

// goVersion is the oldest Go that this module compiles with, as the go command writes versions.
func (s moduleSource) goVersion() string {
	data, err := os.ReadFile(filepath.Join(s.dir, "go.mod"))
	if match := goDirective.FindSubmatch(data); err == nil && match != nil {
		return "go" + string(match[1])
	}
	return "a newer Go"
}

func (t toolchain) build(ctx context.Context, source moduleSource, goarch string) (binary []byte, err error) {
	dir, err := os.MkdirTemp("", "afterglow-build-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	output := filepath.Join(dir, "afterglow")
	args := append([]string{"build"}, buildFlags()...)
	args = append(args, "-o", output, "./"+extensionPath)
	env := append(slices.Clone(t.env), "GOARCH="+goarch)
	if _, err := goCommand(ctx, source.dir, env, args...); err != nil {
		return nil, err
	}
	return os.ReadFile(output)
}
