# ringbook. `make help` lists what there is. Everything here works on a fresh Debian 12 or newer with Go, Node and npm,
# as root or with sudo: what is missing is installed, and said. A second run installs nothing.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-builtin-rules --no-print-directory

VERSION   := $(shell git describe --tags --always --dirty 2>/dev/null)
GOFLAGS   := -trimpath
LDFLAGS   := $(if $(VERSION),-X main.version=$(VERSION))
UI        := web/ui
UI_SOURCE := $(shell find $(UI) -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/e2e*' 2>/dev/null)
FUZZTIME  ?= 30s
SOAKTIME  ?= 10m
ROUNDS    ?= 10000
# Tests start what they need (PostgreSQL, Asterisk, Chromium) themselves, and stop it.
RACE      ?= -race
# Asterisks that the scenarios are also played on, besides the one of "make test".
OLDER     ?= 16 18 20

##@ Use
.PHONY: run
run: deps-run build ## Build, and run the demo: a private PostgreSQL and a PBX that keeps ringing
	exec bin/ringbook demo $(ARGS)

.PHONY: build
build: bin/ringbook ## Build bin/ringbook with the UI inside

.PHONY: bin/ringbook
bin/ringbook: $(UI)/dist/index.html
	@mkdir -p bin
	go build $(GOFLAGS) -ldflags '$(LDFLAGS)' -o bin/ringbook ./cmd/ringbook

.PHONY: pbx
pbx: deps-lab ## Run a real Asterisk 22 on loopback with the project's own dialplan (deploy/asterisk)
	exec deploy/lab/asterisk.sh run pbx $(ARGS)

##@ Test
.PHONY: test
test: deps ## Everything: lint, Go with the race detector, UI, PostgreSQL, a real Asterisk, a real browser
	@$(MAKE) check
	@$(MAKE) test-ui
	@$(MAKE) build
	@$(MAKE) test-go
	@$(MAKE) test-browser

.PHONY: test-fast
# Tests make much garbage of small heaps: collected a quarter as often, they take a third less of the processors.
test-fast: deps-fast ## The tests without Asterisk, browser, race detector and linters: under three minutes
	@tools/step "Go: vet and tests, without the lab"
	go vet ./...
	RINGBOOK_LAB=off GOGC=400 go test ./...
	@$(MAKE) test-ui

.PHONY: test-go
test-go:
	@tools/step "Go: tests$(if $(RACE), with the race detector), with PostgreSQL and a real Asterisk"
	go test $(RACE) -timeout 15m ./...
	@tools/step "Go: ten thousand rings, ten thousand receipts; memory after thousands of calls"
	RINGBOOK_BENCH_RINGS=10000 RINGBOOK_BENCH_MEMORY_CALLS=4000 go test -count=1 -run 'TestPops_P2|TestNodes_Memory' ./cmd/ringbook

.PHONY: test-asterisk
test-asterisk: deps ## Every scenario on Asterisk 16, 18 and 20, too
	@for version in $(OLDER); do \
		export RINGBOOK_ASTERISK_VERSION=$$version RINGBOOK_ASTERISK_ROOT=/var/cache/ringbook/asterisk-$$version; \
		deploy/lab/asterisk.sh install; \
		tools/step "Go: every scenario on Asterisk $$version"; \
		go test -timeout 15m -count=1 -run '^TestScenarios_Live$$' ./cmd/ringbook; \
		go test -timeout 5m -count=1 -run '^Test(Client|Exchange)_Live(_Queues|_Hold|_L9_.*|.*Transfer.*)?$$' ./pbx/ami ./pbx; \
	done

.PHONY: test-ui
test-ui: $(UI)/node_modules/.package-lock.json
	@tools/step "UI: unit tests"
	cd $(UI) && npm test

.PHONY: fuzz
fuzz: ## Look for new findings with every fuzz target; what was found earlier runs with every test
	@tools/step "Go: every fuzz target for $(FUZZTIME)"
	tools/fuzz $(FUZZTIME)

.PHONY: properties
properties: ## Damage every recording 10000 times, as every test does 100 times; takes some minutes of both cores
	@tools/step "Go: every recording damaged $(ROUNDS) times"
	RINGBOOK_ROUNDS=$(ROUNDS) go test -count=1 -timeout 60m -run '^TestTracker_(L4_L8_DamagedRecordings|L8_ThreadsOfTheExchangeRace)$$' ./pbx

.PHONY: test-browser
test-browser: build
	@tools/step "Browser: the built program, a real Asterisk and Chromium"
	cd $(UI) && npm run test:e2e

.PHONY: check
check: $(UI)/dist/index.html ## Formatting, lint, types, import rules, generated files that are stale, deployment files
	@tools/step "Go: vet, formatting, lint"
	go vet ./...
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
		if [ -n "$$unformatted" ]; then echo "not gofmt'ed: $$unformatted"; exit 1; fi
	go build -C tools -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	bin/golangci-lint run ./...
	@tools/step "UI: lint and types"
	cd $(UI) && npm run check
	@tools/step "Rules of the house: imports, generated files"
	go test -count=1 -run '^Test(Imports|ImportMapHasNoRing|Generated)' ./cmd/ringbook
	go test -count=1 -run OpenAPI ./web
	@tools/step "Deployment files"
	go build -C tools -o ../bin/deploycheck ./deploycheck
	bin/deploycheck deploy
	@if command -v systemd-analyze >/dev/null; then tools/check-unit deploy/ringbook.service; fi

.PHONY: generate
generate: ## Write the generated files anew: settings reference, example environment, OpenAPI, the UI's client
	go test -count=1 -run '^TestGenerated' ./cmd/ringbook -update
	go test -count=1 -run OpenAPI ./web -update
	cd $(UI) && npm run api

.PHONY: bench
bench: deps-run ## Measure, and write docs/benchmarks.md and docs/log-at-size.md; needs 50 GB of disk, or RINGBOOK_BENCH_CALLS=1000000
	go test -timeout 20m -count=1 -run '^$$' -bench '^Benchmark(Goals|Floor|ToDo)$$' -benchtime 1x ./cmd/ringbook -args -report ../../docs/benchmarks.md
	@$(MAKE) bench-log

.PHONY: bench-log
bench-log: deps-run ## Measure the lists of a log of ten thousand to ten million calls, and write docs/log-at-size.md
	go test -timeout 60m -count=1 -run '^$$' -bench '^BenchmarkLog$$' -benchtime 1x ./calllog -args -report ../docs/log-at-size.md

.PHONY: soak
soak: deps ## Ten minutes of calls on a real Asterisk with two nodes and a fault every 20 s; writes into docs/benchmarks.md
	go test -timeout 60m -count=1 -run '^$$' -bench '^Benchmark(Soak|Away|Crowd)$$' -benchtime 1x ./cmd/ringbook -args -soak $(SOAKTIME) -away $(SOAKTIME) -report ../../docs/benchmarks.md

.PHONY: screenshots
screenshots: deps build ## Take the pictures of README.md and docs/ anew
	cd $(UI) && npm run screenshots

##@ What is needed
.PHONY: deps deps-run deps-fast deps-lab
deps: ## Install everything that building and testing need, where it is missing
	@tools/deps base postgres mariadb browser lab
	@$(MAKE) $(UI)/node_modules/.package-lock.json
deps-run:
	@tools/deps base postgres
deps-fast:
	@tools/deps base postgres mariadb
deps-lab:
	@tools/deps base lab

$(UI)/node_modules/.package-lock.json: $(UI)/package-lock.json $(UI)/package.json
	@tools/step "npm: installing the UI's packages (once)"
	cd $(UI) && npm ci --no-audit --no-fund
	@touch $@

$(UI)/dist/index.html: $(UI)/node_modules/.package-lock.json $(UI_SOURCE)
	@tools/step "UI: building"
	cd $(UI) && npm run build
	@touch $(UI)/dist/.gitkeep $@

.PHONY: clean
clean: ## Remove what was built (the data folder stays)
	rm -rf bin $(UI)/dist/* $(UI)/node_modules

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+( [a-z-]+)*:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
