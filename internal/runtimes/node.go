package runtimes

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// nodeFiles are the manifests and lock files of what is installed, and our entry for client 3.
//
//go:embed node
var nodeFiles embed.FS

// nodePin is what one major version of Node.js is installed from.
type nodePin struct {
	node   string // the version of npm's node package, used unless the PATH has the same major
	client string // folder of the client's manifest
}

func nodePins() map[string]nodePin {
	return map[string]nodePin{
		"20": {node: "20.20.2", client: "ric3"}, // client 4 refuses Node.js 20
		"22": {node: "22.23.3", client: "ric4"},
		"24": {node: "24.21.0", client: "ric4"},
	}
}

// nodeLayout is raised when what is installed changes: checkouts of different age may share the folder of runtimes, and each
// keeps its own.
const nodeLayout = "-2"

func nodeMajors() []string { return []string{"20", "22", "24"} }

// buildTools are what the client's native part is built with.
func buildTools(client string) []tool {
	tools := []tool{
		{program: "cmake"}, {program: "make"}, {program: "tar"}, {program: "python3"},
		{program: "g++", rpm: "gcc-c++"}, {program: "xz", deb: "xz-utils"},
		{program: "sh", deb: "dash", rpm: "bash"},
	}
	if client == "ric3" { // its libcurl comes without a configure script
		tools = append(tools, tool{program: "autoreconf", deb: "autoconf", rpm: "autoconf"},
			tool{program: "automake"}, tool{program: "libtoolize", deb: "libtool", rpm: "libtool"})
	}
	return tools
}

func findNode(ctx context.Context, major string, opt Options) (Runtime, error) {
	pin, ok := nodePins()[major]
	if !ok {
		return Runtime{}, noSuchVersion(familyNode, "Node.js", major, nodeMajors())
	}
	if runtime.GOOS != "linux" {
		return Runtime{}, fmt.Errorf("AWS's Node.js client builds on Linux only: run this in a Linux container or virtual machine (%w)", ErrMissing)
	}
	in, err := newInstaller(opt)
	if err != nil {
		return Runtime{}, err
	}
	system, hasSystem := systemNode(major)
	stamp, err := nodeStamp(pin, system, hasSystem)
	if err != nil {
		return Runtime{}, err
	}
	name := join(familyNode, major)
	dir, err := in.ensure(ctx, name+nodeLayout, stamp, func(ctx context.Context, tmp string) error {
		return (&nodeInstall{installer: in, pin: pin, dir: tmp, system: system, hasSystem: hasSystem}).run(ctx)
	})
	if err != nil {
		return Runtime{}, err
	}
	if err := placeCertificates(filepath.Join(dir, "runtime")); err != nil {
		return Runtime{}, err
	}
	lang := filepath.Join(dir, "lang")
	if hasSystem {
		lang = system.prefix
	}
	return Runtime{
		Name:    name,
		Command: []string{"/var/lang/bin/node", "/var/runtime/index.mjs"},
		Dir:     filepath.Join(dir, "runtime"),
		Lang:    lang,
		Env: map[string]string{
			// reference: MOD and the base images' bootstrap
			"NODE_PATH": "/opt/nodejs/node" + major + "/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task",
		},
		// AWS's Node.js finds layers and SDK from ES modules as well, where plain Node.js ignores
		// NODE_PATH. These links lie on the way up from /var/task, in NODE_PATH's order.
		Links: map[string]string{
			"/var/node_modules": "/opt/nodejs/node_modules",
			"/node_modules":     "/var/runtime/node_modules",
		},
	}, nil
}

// placeCertificates makes the file that functions name in NODE_EXTRA_CA_CERTS. On Lambda it has the roots of
// Amazon's databases (docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html, "CA certificate loading"); here it
// has what this machine trusts. It is no part of the installation, which is made from pins only.
func placeCertificates(dir string) error {
	path := filepath.Join(dir, "ca-cert.pem")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	for _, bundle := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"} {
		b, err := os.ReadFile(bundle)
		if err != nil {
			continue
		}
		// Somebody else may do the same: the file gets its name only when it is whole.
		tmp, err := os.CreateTemp(dir, ".ca-cert-*")
		if err != nil {
			return fmt.Errorf("write certificates: %w", err)
		}
		_, err = tmp.Write(b)
		if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err == nil {
			err = os.Rename(tmp.Name(), path)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("write certificates: %w", err), os.Remove(tmp.Name()))
		}
		return nil
	}
	return nil // Node.js warns of a missing file and goes on
}

// nodeArgv adds what the bootstrap adds. From the memory: a twentieth of it for the young generation, nine
// tenths for the old one; the numbers are those of a public dump of argv at 128 MB (6 and 116). And what
// Lambda turns off of Node.js unless NODE_OPTIONS turns it on again
// (docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html, "experimental features").
func nodeArgv(command []string, major string, memoryMB int, nodeOptions string) []string {
	if len(command) == 0 {
		return nil
	}
	argv := []string{
		command[0], "--expose-gc", "--max-http-header-size", "81920",
		fmt.Sprintf("--max-semi-space-size=%d", max(1, memoryMB*5/100)),
		fmt.Sprintf("--max-old-space-size=%d", max(1, (memoryMB*9+9)/10)),
	}
	for _, off := range []struct{ feature, majors string }{
		{"experimental-require-module", "20 22"},
		{"experimental-detect-module", "22"},
	} {
		if slices.Contains(strings.Fields(off.majors), major) && !slices.Contains(strings.Fields(nodeOptions), "--"+off.feature) {
			argv = append(argv, "--no-"+off.feature)
		}
	}
	return append(argv, command[1:]...)
}

// node is an installed Node.js that has the headers of native addons beside it.
type node struct {
	prefix string
	major  string
}

// systemNode is the Node.js on the PATH if it has this major version. Its headers tell the version without
// starting it; a version manager's shim has none beside it and does not count.
func systemNode(major string) (node, bool) {
	path, err := exec.LookPath("node")
	if err != nil {
		return node{}, false
	}
	if path, err = filepath.EvalSymlinks(path); err != nil || filepath.Base(filepath.Dir(path)) != "bin" {
		return node{}, false
	}
	n := node{prefix: filepath.Dir(filepath.Dir(path)), major: major}
	header, err := os.ReadFile(filepath.Join(n.prefix, "include", "node", "node_version.h"))
	if err != nil {
		return node{}, false
	}
	found := nodeMajorForm.FindSubmatch(header)
	return n, found != nil && string(found[1]) == major
}

var nodeMajorForm = regexp.MustCompile(`(?m)^#define NODE_MAJOR_VERSION (\d+)$`)

// nodeStamp is everything that an installation depends on.
func nodeStamp(pin nodePin, system node, hasSystem bool) (string, error) {
	parts := []string{runtime.GOARCH, "node " + pin.node}
	if hasSystem {
		parts[1] = "system node " + system.prefix + " " + system.major // its minor versions take the same addon
	}
	for _, name := range []string{pin.client + "/package-lock.json", "sdk/package-lock.json", "index.mjs"} {
		b, err := nodeFiles.ReadFile("node/" + name)
		if err != nil {
			return "", fmt.Errorf("read pins: %w", err)
		}
		parts = append(parts, string(b))
	}
	return strings.Join(parts, "\n"), nil
}

// nodeInstall fills a folder with runtime/ (what becomes /var/runtime) and, if the system has no such
// Node.js, lang/ (what becomes /var/lang).
type nodeInstall struct {
	*installer
	pin       nodePin
	dir       string
	system    node
	hasSystem bool
}

func (n *nodeInstall) run(ctx context.Context) error {
	if err := n.needTools(ctx, append(buildTools(n.pin.client), tool{program: "npm"})); err != nil {
		return err
	}
	prefix := n.system.prefix
	if !n.hasSystem {
		var err error
		if prefix, err = n.fetchNode(ctx); err != nil {
			return err
		}
	}
	build := filepath.Join(n.dir, "build")
	if err := n.npmCI(ctx, n.pin.client, build); err != nil {
		return err
	}
	client := filepath.Join(build, "node_modules", "aws-lambda-ric")
	if err := n.buildClient(ctx, client, prefix); err != nil {
		return err
	}
	out := filepath.Join(n.dir, "runtime")
	n.say("installing the AWS SDK for JavaScript")
	if err := n.npmCI(ctx, "sdk", out); err != nil {
		return err
	}
	if err := n.placeClient(client, out); err != nil {
		return err
	}
	for _, rest := range []string{build, filepath.Join(out, "package.json"), filepath.Join(out, "package-lock.json"),
		filepath.Join(n.dir, "lang", "include"), filepath.Join(n.dir, "lang", "share")} {
		if err := os.RemoveAll(rest); err != nil {
			return fmt.Errorf("remove what only the build needed: %w", err)
		}
	}
	return n.tryClient(ctx, filepath.Join(prefix, "bin", "node"), out)
}

// fetchNode gets the interpreter and its headers out of the npm package that npm's node package would
// choose; that one does it in an install script, which newer npm holds back.
func (n *nodeInstall) fetchNode(ctx context.Context) (string, error) {
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	if arch == "" {
		return "", fmt.Errorf("npm has no Node.js for %s", runtime.GOARCH)
	}
	pkg := "node-linux-" + arch
	n.say("installing Node.js %s from npm", n.pin.node)
	tmp := filepath.Join(n.dir, "node")
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return "", fmt.Errorf("make folder: %w", err)
	}
	if err := n.installer.run(ctx, tmp, nil, "npm", "install", "--prefix", tmp, "--ignore-scripts", "--no-audit", "--no-fund", pkg+"@"+n.pin.node); err != nil {
		return "", err
	}
	lang := filepath.Join(n.dir, "lang")
	if err := os.Rename(filepath.Join(tmp, "node_modules", pkg), lang); err != nil {
		return "", fmt.Errorf("put Node.js in place: %w", err)
	}
	return lang, os.RemoveAll(tmp)
}

// npmCI installs exactly what a lock file says. Install scripts stay off: newer npm holds them back, and
// the one that is needed is run by buildClient, where its result is checked.
func (n *nodeInstall) npmCI(ctx context.Context, manifest, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := nodeFiles.ReadFile("node/" + manifest + "/" + name)
		if err != nil {
			return fmt.Errorf("read pins: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return fmt.Errorf("write pins: %w", err)
		}
	}
	return n.installer.run(ctx, dir, nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
}

func (n *nodeInstall) buildClient(ctx context.Context, client, prefix string) error {
	n.say("building the native part of AWS's Node.js client (about a minute)")
	env := []string{
		"PATH=" + strings.Join([]string{
			filepath.Join(client, "..", ".bin"), filepath.Join(prefix, "bin"), os.Getenv("PATH"),
		}, string(os.PathListSeparator)),
		"npm_config_nodedir=" + prefix, // headers from beside the interpreter, nothing is downloaded
	}
	for _, script := range []string{"scripts/preinstall.sh", "scripts/postinstall.sh"} {
		if err := n.installer.run(ctx, client, env, "sh", script); err != nil {
			return fmt.Errorf("build AWS's Node.js client: %w", err)
		}
	}
	return nil
}

// placeClient copies the client to where the managed runtime has it: /var/runtime/index.mjs and
// rapid-client.node beside it.
func (n *nodeInstall) placeClient(client, out string) error {
	copies := map[string]string{"index.mjs": "index.mjs", "rapid-client.node": "rapid-client.node"}
	if n.pin.client == "ric3" {
		copies = map[string]string{"dist/index.mjs": "client.mjs", "dist/rapid-client.node": "rapid-client.node"}
		entry, err := nodeFiles.ReadFile("node/index.mjs")
		if err != nil {
			return fmt.Errorf("read entry: %w", err)
		}
		if err := os.WriteFile(filepath.Join(out, "index.mjs"), entry, 0o644); err != nil {
			return fmt.Errorf("write entry: %w", err)
		}
	}
	for from, to := range copies {
		b, err := os.ReadFile(filepath.Join(client, from))
		if err != nil {
			return fmt.Errorf("AWS's Node.js client was not built: %w", err)
		}
		if err := os.WriteFile(filepath.Join(out, to), b, 0o755); err != nil {
			return fmt.Errorf("place client: %w", err)
		}
	}
	return nil
}

// tryClient loads the native part once: better to fail here than in every function's init. It reads the
// address of the Runtime API while it is loaded and aborts without one.
func (n *nodeInstall) tryClient(ctx context.Context, interpreter, dir string) error {
	env := []string{"AWS_LAMBDA_RUNTIME_API=127.0.0.1:1"}
	return n.installer.run(ctx, dir, env, interpreter, "-e", `require("./rapid-client.node")`)
}
