// Package runtimes finds or installs AWS's own runtime clients, so that a function runs on what AWS
// runs it on and not on something that we wrote. AWS's clients for Ruby and .NET are in no registry that
// can be counted on: where a machine has them they are taken, else clients of our own (clients/ruby,
// clients/dotnet), which have the names that the others are hooked at.
//
// It takes the name of a Lambda runtime ("python3.13") and gives the command that starts it. What it
// installs goes into one folder, once, with every version pinned; a change of the pins installs anew.
// Several processes may ask for the same runtime at once.
package runtimes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// ErrMissing is in the chain of every error that says that something has to be installed first.
var ErrMissing = errors.New("missing on this machine")

// ErrVersion is in the chain of every error that says that no client here takes a version, whatever is installed.
var ErrVersion = errors.New("AWS's clients here do not take this version")

// Runtime is how to start one of Lambda's runtimes.
type Runtime struct {
	Name string // "python3.13"

	// Command is the argv that the runtime's bootstrap hands to the exec wrapper, as paths inside the
	// environment: /var/lang/bin/python3.13 /var/runtime/bootstrap.py. It is empty for provided.*,
	// where /var/task/bootstrap or /opt/bootstrap is started, without a wrapper.
	Command []string

	// Script is what the bootstrap does before it hands the command over, in the language of /bin/sh: "$@" is
	// Command, and the script may set both it and variables. "" for nothing.
	Script string

	Dir  string // directory that becomes /var/runtime; "" if the runtime has none
	Lang string // directory that becomes /var/lang: the interpreter's prefix; "" if there is none

	// Env is what the runtime's bootstrap exports unless the function's configuration has it.
	Env map[string]string

	// Links are symbolic links that the environment's file system has for this runtime: where, to what.
	Links map[string]string
}

// Argv is Command with the options that the bootstrap derives from the function's memory and environment.
func (r Runtime) Argv(memoryMB int, env map[string]string) []string {
	switch family, version := split(r.Name); family {
	case familyNode:
		return nodeArgv(r.Command, version, memoryMB, env["NODE_OPTIONS"])
	case familyJava:
		return javaArgv(r.Command, version, memoryMB, env["_HANDLER"])
	default:
		return append([]string(nil), r.Command...)
	}
}

// Options of Find and Nearest.
type Options struct {
	// Root is the folder that holds the installed runtimes; "" means .afterglow/runtimes in the
	// checkout that the working directory belongs to.
	Root string
	// Progress receives what is being done, a line each; nil means nowhere.
	Progress io.Writer
	// SystemPackages is told before packages of the system are installed, which is done as root on Debian and its kin, and never
	// upgrades anything. nil means that none are: an error says then what to install.
	SystemPackages func(what string)
}

// The families of runtimes that can be found or installed.
const (
	familyPython   = "python"
	familyNode     = "nodejs"
	familyJava     = "java"
	familyRuby     = "ruby"
	familyDotnet   = "dotnet" // dotnetcore3.1 too: its version is core3.1
	familyProvided = "provided"
)

// Find finds or installs exactly the named runtime. Its error names what is missing and the command
// that installs it.
func Find(ctx context.Context, name string, opt Options) (Runtime, error) {
	family, version := split(name)
	var rt Runtime
	var err error
	switch family {
	case familyPython:
		rt, err = findPython(ctx, version, opt)
	case familyNode:
		rt, err = findNode(ctx, version, opt)
	case familyJava:
		rt, err = findJava(ctx, name, version, opt)
	case familyRuby:
		rt, err = findRuby(ctx, version, opt)
	case familyDotnet:
		rt, err = findDotnet(ctx, version, opt)
	case familyProvided:
		rt = Runtime{Name: name}
	default:
		err = fmt.Errorf("%s; known here are %s: deploy the function for one of them", unknown(name), strings.Join(known(), ", "))
	}
	if err != nil {
		return Runtime{}, fmt.Errorf("find runtime %s: %w", name, err)
	}
	return rt, nil
}

// Nearest is Find, or the nearest version of the same family that this machine has. The note says in
// one line what is used instead; it is empty if the runtime is exactly the named one.
func Nearest(ctx context.Context, name string, opt Options) (rt Runtime, note string, err error) {
	rt, err = Find(ctx, name, opt)
	if err == nil {
		return rt, "", nil
	}
	family, version := split(name)
	var versions []string
	switch family {
	case familyPython:
		versions = pythonsHere(ctx)
	case familyNode:
		versions = nodeMajors()
	case familyJava:
		versions = javasHere(ctx)
	case familyRuby:
		versions = rubiesHere(ctx)
	case familyDotnet:
		return nearestDotnet(ctx, version, opt, err)
	}
	for _, v := range byDistance(family, versions, version) {
		rt, nearErr := Find(ctx, join(family, v), opt)
		if nearErr != nil {
			continue
		}
		switch family {
		case familyRuby:
			rt.Env = rubyStandIn(rt.Env, version)
		case familyJava:
			rt = javaStandIn(rt, version)
		}
		return rt, fmt.Sprintf("%s does not run on this machine, %s is used instead", name, rt.Name), nil
	}
	return Runtime{}, "", err
}

// split cuts "python3.13" into its family and "3.13", "nodejs22.x" into its family and "22", "java8.al2"
// into its family and "8".
func split(name string) (family, version string) {
	for _, f := range []string{familyPython, familyNode, familyJava, familyRuby, familyDotnet} {
		v, ok := strings.CutPrefix(name, f)
		switch {
		case !ok:
		case f == familyJava:
			return f, javaVersion(v)
		default:
			return f, strings.TrimSuffix(v, ".x")
		}
	}
	if name == familyProvided || strings.HasPrefix(name, familyProvided+".") {
		return familyProvided, ""
	}
	return "", ""
}

func join(family, version string) string {
	switch family {
	case familyNode:
		return family + version + ".x"
	case familyJava:
		return javaName(version)
	default:
		return family + version
	}
}

// unknown says what is known of a runtime that none of the families has.
func unknown(name string) string {
	if name == "go1.x" { // https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html, "Deprecated runtimes"
		return "Lambda has ended it, a program in Go is built for provided.al2023 now"
	}
	return "Lambda has no such runtime"
}

// noSuchVersion says of a version that no client here takes, what can be done. Lambda ends its old runtimes one after the other
// (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html, "Deprecated runtimes"); clients do the same a little later.
func noSuchVersion(family, language, version string, versions []string) error {
	var names []string
	for _, v := range versions {
		names = append(names, join(family, v))
	}
	remedy := fmt.Sprintf("known here are %s: deploy the function for one of them", strings.Join(names, ", "))
	if oldest := versions[0]; versionBefore(version, oldest) {
		return fmt.Errorf("%w: %s %s or newer is needed, and Lambda has deprecated %s; %s", ErrVersion, language, oldest, join(family, version), remedy)
	}
	return fmt.Errorf("%w: there is none for %s %s; %s", ErrVersion, language, version, remedy)
}

// versionBefore compares "3.8" with "3.10" by their numbers.
func versionBefore(version, other string) bool {
	a, okA := versionNumbers(version)
	b, okB := versionNumbers(other)
	return okA && okB && slices.Compare(a, b) < 0
}

func known() []string {
	var names []string
	for _, v := range pythonVersions() {
		names = append(names, join(familyPython, v))
	}
	for _, v := range nodeMajors() {
		names = append(names, join(familyNode, v))
	}
	for _, v := range javaVersions() {
		names = append(names, join(familyJava, v))
	}
	for _, v := range rubyVersions() {
		names = append(names, join(familyRuby, v))
	}
	for _, v := range dotnetVersions() {
		names = append(names, join(familyDotnet, v))
	}
	return append(names, "provided.al2", "provided.al2023")
}

// byDistance sorts versions by how far their last number is from the wanted one, newer ones first. Of Java
// every newer one comes before every older one, which cannot load classes that were compiled for the wanted.
func byDistance(family string, versions []string, wanted string) []string {
	want := lastNumber(wanted)
	out := append([]string(nil), versions...)
	sort.SliceStable(out, func(i, j int) bool {
		a, b := lastNumber(out[i])-want, lastNumber(out[j])-want
		if family == familyJava && (a < 0) != (b < 0) {
			return b < 0
		}
		if abs(a) != abs(b) {
			return abs(a) < abs(b)
		}
		return a > b
	})
	return out
}

func lastNumber(version string) int {
	n, err := strconv.Atoi(version[strings.LastIndexByte(version, '.')+1:])
	if err != nil {
		return 0
	}
	return n
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
