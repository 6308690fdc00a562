package runtimes

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// coreDotnet is the version of "dotnetcore3.1", which Lambda had once and which PyPI still has.
const coreDotnet = "core3.1"

func dotnetVersions() []string { return []string{coreDotnet, "6", "7", "8", "9", "10"} }

// dotnetMajor is the number of a version; it is the one that sorts.
func dotnetMajor(version string) int {
	if version == coreDotnet {
		return 3
	}
	n, err := strconv.Atoi(version)
	if err != nil {
		return 0
	}
	return n
}

func findDotnet(ctx context.Context, version string, opt Options) (Runtime, error) {
	if !slices.Contains(dotnetVersions(), version) {
		return Runtime{}, noSuchVersion(familyDotnet, ".NET", version, dotnetVersions())
	}
	in, err := newInstaller(opt)
	if err != nil {
		return Runtime{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, installLimit)
	defer cancel()
	machine, hasMachine := locateDotnet(dotnetMajor(version))
	packaged := !hasMachine && isPackaged(version)
	if !hasMachine && !packaged {
		if err := coreCLRRuns(version); err != nil {
			return Runtime{}, err
		}
	}
	core, err := in.coreCLR(ctx) // to compile with, in any case
	if err != nil {
		return Runtime{}, err
	}
	if packaged {
		if machine, err = in.packagedDotnet(ctx, version, core); err != nil {
			return Runtime{}, err
		}
		hasMachine = true
	}
	name := join(familyDotnet, version)
	published := locatePublishedClient(dotnetMajor(version))
	stamp, err := dotnetStamp(machine, published)
	if err != nil {
		return Runtime{}, err
	}
	dir, err := in.ensure(ctx, name, stamp, func(ctx context.Context, tmp string) error {
		if err := in.makeDotnetClient(ctx, core, published, filepath.Join(tmp, "runtime")); err != nil {
			return err
		}
		if !hasMachine {
			return nil
		}
		return machine.copyTo(filepath.Join(tmp, "lang", "bin"))
	})
	if err != nil {
		return Runtime{}, err
	}
	rt := Runtime{
		Name:    name,
		Command: []string{"/var/lang/bin/dotnet", "/var/runtime/Amazon.Lambda.RuntimeSupport.dll"},
		Script:  dotnetScript,
		Dir:     filepath.Join(dir, "runtime"),
		Lang:    filepath.Join(dir, "lang"),
	}
	if !hasMachine {
		rt.Lang = core
	}
	if packaged || !hasMachine {
		// It looks for an ICU library that no machine of today has, or not every one, and refuses to start without.
		rt.Env = map[string]string{"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
	}
	return rt, nil
}

// coreCLRRuns says why a version cannot be run with PyPI's CoreCLR.
func coreCLRRuns(version string) error {
	switch {
	case version != coreDotnet:
		return fmt.Errorf(".NET %s: %w; install with: %s (or Microsoft's dotnet-install script, with --runtime dotnet --channel %s.0)", version, ErrMissing, dotnetCommand(version), version)
	case runtime.GOOS != "linux" || runtime.GOARCH != "amd64":
		return fmt.Errorf(".NET Core 3.1: %w; PyPI has it for Linux on x86-64 only", ErrMissing)
	}
	return nil
}

// dotnetCommand installs a .NET of this version.
func dotnetCommand(version string) string {
	return sudo(installCommand([]tool{{program: "dotnet", deb: "dotnet-runtime-" + version + ".0", rpm: "dotnet-runtime-" + version + ".0", darwin: "dotnet@" + version}}))
}

// dotnetScript is what Lambda's bootstrap makes of the handler: of ASSEMBLY::TYPE::METHOD the client with the
// description of the function's assembly, of anything else a program of the function (DOTNET bootstrap.sh,
// whose exit statuses these are).
const dotnetScript = `
export DOTNET_ROOT="${1%/*}"
export LAMBDA_RUNTIME_NAME="${AWS_EXECUTION_ENV#AWS_Lambda_}"
described() { # suffix: the file that describes the function's assembly, or the only one of its kind
	described="$LAMBDA_TASK_ROOT/$assembly.$1"
	[ -f "$described" ] && return
	described=
	for file in "$LAMBDA_TASK_ROOT"/*."$1"; do
		[ -z "$described" ] || return 1
		described=$file
	done
	[ -f "$described" ]
}
case $_HANDLER in
"") echo "No handler is configured." >&2; exit 103 ;;
*:*)
	assembly=${LAMBDA_DOTNET_MAIN_ASSEMBLY:-${_HANDLER%%:*}}
	assembly=${assembly%.dll}
	described deps.json || { echo "$LAMBDA_TASK_ROOT has no $assembly.deps.json: publish the function with dotnet publish or dotnet lambda package" >&2; exit 105; }
	set -- "$1" "$2" "$described"
	described runtimeconfig.json || { echo "$LAMBDA_TASK_ROOT has no $assembly.runtimeconfig.json: set GenerateRuntimeConfigurationFiles in the function's project" >&2; exit 106; }
	set -- "$1" exec --depsfile "$3" --runtimeconfig "$described" "$2" "$_HANDLER" ;;
*)
	if [ -f "$LAMBDA_TASK_ROOT/${_HANDLER%.dll}.dll" ]; then
		set -- "$1" exec "$LAMBDA_TASK_ROOT/${_HANDLER%.dll}.dll"
	elif [ -f "$LAMBDA_TASK_ROOT/$_HANDLER" ]; then
		set -- "$LAMBDA_TASK_ROOT/$_HANDLER"
	else
		echo "$LAMBDA_TASK_ROOT has no program $_HANDLER" >&2; exit 104
	fi ;;
esac
`

// nearestDotnet is a newer .NET of this machine, which runs what was built for an older one, or else PyPI's
// CoreCLR, which does not.
func nearestDotnet(ctx context.Context, version string, opt Options, missing error) (Runtime, string, error) {
	name := join(familyDotnet, version)
	for _, v := range dotnetVersions() {
		if dotnetMajor(v) <= dotnetMajor(version) {
			continue
		}
		rt, err := Find(ctx, join(familyDotnet, v), opt)
		if err != nil {
			continue
		}
		rt.Env = maps.Clone(rt.Env)
		if rt.Env == nil {
			rt.Env = map[string]string{}
		}
		rt.Env["DOTNET_ROLL_FORWARD"] = "LatestMajor" // else the host refuses another major version
		return rt, fmt.Sprintf("%s does not run on this machine, %s is used instead", name, rt.Name), nil
	}
	if !slices.Contains(dotnetVersions(), version) {
		return Runtime{}, "", missing
	}
	rt, err := Find(ctx, join(familyDotnet, coreDotnet), opt)
	if err != nil {
		return Runtime{}, "", fmt.Errorf("%w; its stand-in: %w", missing, err)
	}
	return rt, fmt.Sprintf("%s does not run on this machine, %s is used instead, which runs only what was built for it or for .NET Standard", name, rt.Name), nil
}

// dotnet is a .NET of this machine.
type dotnet struct {
	root    string // the folder that has the program dotnet
	version string // of Microsoft.NETCore.App
	asp     string // of Microsoft.AspNetCore.App, which Lambda has beside it; "" if there is none
}

// locateDotnet finds a .NET with this major version.
func locateDotnet(major int) (dotnet, bool) {
	roots := []string{os.Getenv("DOTNET_ROOT")}
	if p, err := exec.LookPath("dotnet"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			roots = append(roots, filepath.Dir(p))
		}
	}
	if home, err := os.UserHomeDir(); err == nil {
		roots = append(roots, filepath.Join(home, ".dotnet"))
	}
	roots = append(roots, "/usr/share/dotnet", "/usr/lib/dotnet", "/usr/lib64/dotnet", "/usr/local/share/dotnet", "/opt/homebrew/opt/dotnet/libexec")
	for _, root := range roots {
		if root == "" {
			continue
		}
		d := dotnet{
			root:    root,
			version: newestVersion(filepath.Join(root, "shared", "Microsoft.NETCore.App"), major),
			asp:     newestVersion(filepath.Join(root, "shared", "Microsoft.AspNetCore.App"), major),
		}
		if info, err := os.Stat(filepath.Join(root, "dotnet")); err == nil && info.Mode().IsRegular() && d.version != "" {
			return d, true
		}
	}
	return dotnet{}, false
}

// newestVersion is the newest released version of a major version that has a folder in dir; "" if none has.
func newestVersion(dir string, major int) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	best := ""
	for _, e := range entries {
		numbers, ok := versionNumbers(e.Name())
		if !ok || numbers[0] != major {
			continue
		}
		if have, _ := versionNumbers(best); best == "" || slices.Compare(numbers, have) > 0 {
			best = e.Name()
		}
	}
	return best
}

// versionNumbers are the numbers of "8.0.11"; previews do not count as versions.
func versionNumbers(version string) ([]int, bool) {
	var numbers []int
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, false
		}
		numbers = append(numbers, n)
	}
	return numbers, true
}

// copyTo copies what runs functions. A link would not do: the folder may be one that a function does not
// see, such as /opt, and Lambda has the program in /var/lang/bin.
func (d dotnet) copyTo(dir string) error {
	parts := []string{"host", filepath.Join("shared", "Microsoft.NETCore.App", d.version)}
	if d.asp != "" {
		parts = append(parts, filepath.Join("shared", "Microsoft.AspNetCore.App", d.asp))
	}
	for _, part := range parts {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(d.root, part))); err != nil {
			return fmt.Errorf("copy .NET %s: %w", d.version, err)
		}
	}
	program, err := os.ReadFile(filepath.Join(d.root, "dotnet"))
	if err != nil {
		return fmt.Errorf("copy .NET %s: %w", d.version, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dotnet"), program, 0o755); err != nil {
		return fmt.Errorf("copy .NET %s: %w", d.version, err)
	}
	return nil
}
