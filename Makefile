# make help lists the targets. Whatever a target installs goes below .afterglow/, which git ignores.

SHELL := /bin/sh
GO ?= go
ARGS ?=
APP ?=
TEST_TIMEOUT ?= 30m
FUZZTIME ?= 60s

# Tools are run by version and are in no go.mod.
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

# jsii prints a banner about the age of Node.js releases before every synth; the value lists major versions.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 18,20,22,24

.DEFAULT_GOAL := help
.PHONY: help demo up down prepare test lint fmt layer agent dotnet docs fuzz bench clean tools-go

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

tools-go:
	@command -v $(GO) >/dev/null 2>&1 || { echo "make: Go is not installed. Get Go 1.25 or newer from https://go.dev/dl and run make again." >&2; exit 1; }

demo: tools-go ## deploy the example to a local AWS, send two orders, show their flow (KEEP=1 leaves it up)
	@echo "==> compiling the demo (the first time: about a minute)"
	@mkdir -p .afterglow/bin && $(GO) build -o .afterglow/bin/local ./infra/local
	@exec .afterglow/bin/local demo $(if $(KEEP),--keep) $(ARGS) # not by go run, which would not pass a kill on

up: tools-go ## deploy a CDK app to a local AWS and run it until Ctrl-C (APP=folder, or ARGS="--endpoint URL")
	@mkdir -p .afterglow/bin && $(GO) build -o .afterglow/bin/local ./infra/local
	@exec .afterglow/bin/local up $(if $(APP),--app $(APP)) $(ARGS)

down: tools-go ## stop a demo that was left up, and whatever a killed one left
	@$(GO) run ./infra/local down

prepare: tools-go ## install what demo and tests need, below .afterglow (as root on Debian also missing packages of the system)
	@echo "==> compiling what installs (the first time: about a minute)"
	@mkdir -p .afterglow/bin && $(GO) build -o .afterglow/bin/local ./infra/local
	@exec .afterglow/bin/local prepare

test: prepare ## run every test, installing the runtimes they need
	@echo "==> go vet (the first time this compiles the AWS CDK: a minute or two)"
	$(GO) vet ./...
	@echo "==> gofmt"
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "gofmt would change: $$unformatted" >&2; exit 1; }
	@echo "==> go test"
	@GO="$(GO)" .ci/test -timeout $(TEST_TIMEOUT) $(ARGS)

lint: tools-go ## run the linters (.golangci.yml says why each is on), over the workflows too
	$(GO) run $(GOLANGCI) run ./...
	$(GO) run $(ACTIONLINT)

fmt: tools-go ## format the Go code
	gofmt -w $$(git ls-files '*.go')

layer: tools-go ## write dist/afterglow-layer-{arm64,x86_64}.zip for those who deploy by other means
	@# The program runs here, whatever is set for functions: in the environment, and by `go env -w`, which an empty variable would not overrule.
	@export GOFLAGS=-mod=readonly GO111MODULE=on GOWORK=off CGO_ENABLED=0; \
	GOOS="$$($(GO) env GOHOSTOS)" GOARCH="$$($(GO) env GOHOSTARCH)" $(GO) run ./infra/layer -o dist -cache .afterglow/cache/layer $(ARGS)

agent: tools-go ## build wrapper/java/afterglow-agent.jar from its source, with Java 17 and Maven
	$(GO) test ./wrapper/java -run TestJar -update

dotnet: tools-go ## build the assemblies of wrapper/dotnet from their source, with mono-mcs
	$(GO) test ./wrapper/dotnet -run TestDll -update

docs: tools-go ## generate docs/settings.md, docs/conformance.md and docs/faults.md
	$(GO) test ./settings -update
	$(GO) test ./internal/lambdalocal/conformance -run Docs -update
	$(GO) test ./extension/faults -run Docs -update

fuzz: tools-go ## fuzz every target for FUZZTIME (60s), one after the other (ARGS=mask: those with mask in package or name)
	@set -e; list=$$(git grep -E '^func Fuzz' -- '*_test.go' | sed -E 's|^(.*)/[^/]*:func (Fuzz[A-Za-z0-9_]*).*|./\1 \2|' | grep -e '$(ARGS)') || { echo "make: no fuzz target matches $(ARGS)" >&2; exit 1; }; \
	total=$$(printf '%s\n' "$$list" | wc -l); n=0; \
	printf '%s\n' "$$list" | while read -r package target; do n=$$((n+1)); \
		echo "==> [$$n/$$total] $$target of $$package for $(FUZZTIME)"; \
		nice -n 10 $(GO) test $$package -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 2s </dev/null; \
	done

bench: tools-go ## measure the extension (start, hold, work, masking), the hooks, a function's share of the CPU and synthesis, and write bench/results (about an hour)
	$(GO) run ./bench/coldstart $(ARGS)
	$(GO) run ./bench/hold
	$(GO) run ./bench/work
	$(GO) run ./bench/masking
	$(GO) run ./bench/cpushare
	$(GO) run ./bench/hooks
	$(GO) run ./bench/synth

clean: ## remove what make put below .afterglow and dist
	rm -rf .afterglow dist cdk.out
