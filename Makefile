# `make help` lists the targets. Files that are up to date are not built again.
SHELL := /bin/bash -euo pipefail
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# This variable changes what npm installs and builds; the targets must not depend on the caller's value.
unexport NODE_ENV

# All builds use the Go release that go.work pins. If another one is installed, the go command downloads it.
export GOTOOLCHAIN := $(shell sed -n 's/^toolchain //p' go.work)

# Without VCS stamps, because git refuses to read a checkout of another user.
VERSION  := $(shell sed -n 's/^appVersion: *//p' helm/Chart.yaml)
GO_FLAGS := -buildvcs=false -trimpath -ldflags='-s -w -X orders/kit/telemetry.Version=$(VERSION)'
GO_BUILD := CGO_ENABLED=0 go build $(GO_FLAGS)
# Relative paths, because make splits lists at spaces and the checkout's path may contain one.
MODULES  := $(shell sed -n 's|^\t\(\./[a-z/-]*\)$$|\1|p' go.work)
EVERY    := $(addsuffix /...,$(MODULES))

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' Makefile | awk -F ':.*## ' '{ printf "  %-14s %s\n", $$1, $$2 }'

# Shows the progress of a command in one line. With -lock a second make in this folder waits and shows the progress of the first.
STEP  := bin/step
ALONE := $(STEP) -lock bin/.lock

run: $(STEP) ## build what is missing, start everything and print the address; Ctrl-C stops it
	@$(ALONE) $(MAKE) --no-print-directory build runtime
	@exec bin/stack

run-example: $(STEP) ## the same for another service on kit: examples/seat
	@$(ALONE) $(MAKE) --no-print-directory build-example runtime
	@exec bin/stack -f examples/seat/dapr/seat.yaml -home examples/seat/.data

dapr-run: $(STEP) ## the same with the Dapr CLI: dapr run -f with a copy of dapr/dapr.yaml
	@$(ALONE) $(MAKE) --no-print-directory build runtime dapr-cli
	@exec bin/stack dapr-run

rebuild: build ## restore missing orders in the order database from the actors' states; `make run` may be running
	@exec bin/stack rebuild

doctor: build ## check the set-up, running or stopped, and say how to fix what is wrong
	@exec bin/stack doctor

backup: build ## copy the databases and keys to the new folder DIR, also while `make run` is running
	@exec bin/stack backup '$(DIR)'

restore: build ## replace the databases and keys by those of the backup DIR, while `make run` is stopped
	@exec bin/stack restore '$(DIR)'

restore-ledger: build ## restore a lost ledger from the actors' states, while `make run` is running
	@exec bin/stack restore-ledger

erase: build ## remove all final orders of a customer, while `make run` is running: make erase CUSTOMER=name
	@exec bin/stack erase '$(CUSTOMER)'

rearm: build ## register the delivery reminders of all confirmed orders again, while `make run` is running
	@exec bin/stack rearm

## build

# Built without the workspace, so that nothing is downloaded before this program can show the progress.
$(STEP): $(wildcard stack/cmd/step/*.go)
	@mkdir -p bin
	@cd stack && GOWORK=off $(GO_BUILD) -o ../$(STEP) ./cmd/step

build: spa ## build the services and the launcher into bin/
	@CGO_ENABLED=0 $(STEP) "building the services" go build $(GO_FLAGS) -o=bin/ ./orders-actor ./payments-svc ./stack/cmd/stack

build-example: $(STEP)
	@CGO_ENABLED=0 $(STEP) "building the example" go build $(GO_FLAGS) -o=bin/ ./examples/seat ./stack/cmd/stack

spa: $(STEP) orders-actor/webui/dist/index.html ## build the SPA into orders-actor, which serves it
orders-actor/webui/dist/index.html: web/node_modules/.package-lock.json $(shell find web api -type f -not -path '*/node_modules/*') \
		$(if $(wildcard orders-actor/webui/dist/index.html.br),,again)
	@cd web && ../$(STEP) "building the web pages" npm run build
	@touch $@

# npm writes this file last. An installation without development dependencies is replaced.
web/node_modules/.package-lock.json: web/package-lock.json $(if $(wildcard web/node_modules/.bin/vite),,again)
	@$(if $(wildcard $(STEP)),,$(MAKE) --no-print-directory $(STEP))
	@cd web && ../$(STEP) "installing npm packages" npm ci --include=dev --no-audit --no-fund
	@touch $@

.PHONY: again
again: # targets that depend on it are built again

runtime: $(STEP) ## put Dapr's runtime into bin/dapr: copy installed programs of the right version, build the others (10 minutes, once)
	@dapr/build runtime

dapr-cli: $(STEP) ## build the Dapr CLI into bin/cli
	@dapr/build cli

bin/golangci-lint: tools/golangci-lint/go.mod
	cd tools/golangci-lint && GOWORK=off $(GO_BUILD) -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

bin/helm: tools/helm/go.mod
	cd tools/helm && GOWORK=off $(GO_BUILD) -o ../../$@ helm.sh/helm/v3/cmd/helm

bin/govulncheck: tools/govulncheck/go.mod
	cd tools/govulncheck && GOWORK=off $(GO_BUILD) -o ../../$@ golang.org/x/vuln/cmd/govulncheck

## checks

lint: bin/golangci-lint web/node_modules/.package-lock.json ## run all linters and type checks
	bin/golangci-lint fmt --diff $(MODULES)
	bin/golangci-lint run $(EVERY)
	go vet -tags stack,k8s $(EVERY)
	cd web && npm run typecheck && npm run lint

vuln: bin/govulncheck ## check for known vulnerabilities that the services can reach, with the pinned database
	@db=$$(cd tools/govulncheck && GOWORK=off go mod download golang.org/x/vulndb && GOWORK=off go list -m -f '{{.Dir}}' golang.org/x/vulndb); \
		for module in orders-actor payments-svc stack; do (cd $$module && ../bin/govulncheck -db "file://$$db/data/osv" ./...); done

fmt: bin/golangci-lint web/node_modules/.package-lock.json ## format all code
	bin/golangci-lint fmt $(MODULES)
	cd web && npx prettier --write --log-level warn .

test: test-unit test-stack test-web test-web-e2e test-chaos test-deploy ## run every test except those that need a cluster

test-unit: bin/helm ## run unit and property tests with the race detector, and check query plans at 1,000,000 orders
	@tools/install.sh postgresql pgbouncer
	go test -race -short $(EVERY)
	go test -timeout 20m -run TestPlans ./orders-actor/orderdb

test-stack: build build-example runtime dapr-cli ## test the product on the real Dapr
	@tools/install.sh postgresql curl jq
	go test -count=1 -p 1 -timeout 20m -tags stack ./stack/... ./payments-svc ./examples/seat

test-web: web/node_modules/.package-lock.json ## test the SPA
	cd web && npm test

test-web-e2e: build runtime lab-build ## test the SPA in a browser on the real stack
	@tools/install.sh chromium fonts-liberation
	cd web && npm run test:e2e && npm run check:bytes

test-chaos: build runtime ## test with faults: a short simulation, and kills under load
	@tools/install.sh postgresql pgbouncer
	go test -count=1 -p 1 -timeout 20m ./faults/...

test-deploy: bin/helm ## test chart, Dockerfiles and compose file, without a cluster
	go test -count=1 ./deploy/...

# CLUSTER names a command such as deploy/cluster/cluster. It loads the images into its cluster and runs the tests in its network.
test-k8s: bin/helm spa ## test the chart on the cluster of KUBECONFIG, which must have the images, or on the cluster of CLUSTER
	@mkdir -p bin/images
	$(if $(CLUSTER),@LOCAL=1 CLUSTER='$(CLUSTER)' deploy/images.sh)
	go test -c -tags k8s -o bin/images/life.test ./deploy
	cd deploy && $(if $(CLUSTER),IMPOSTOR_IMAGE=localhost/impostor:$(shell sed -n 's/^appVersion: *//p' helm/Chart.yaml) $(CLUSTER) exec) ../bin/images/life.test -test.v -test.timeout 30m -test.run Cluster

## load and faults

bench: build runtime ## measure what an order costs, beside its Dapr calls alone; docs/performance.md lists the settings
	$(if $(filter postgres,$(SETUP)),@tools/install.sh postgresql)
	go run ./faults/cmd/bench

bench-peers: build runtime bin/bench/restate bin/bench/temporal ## the same, beside twins of an order on Restate and on Temporal
	SYSTEMS=$${SYSTEMS:-product,floor,restate,temporal} JSON=$${JSON:-bin/bench/peers.json} go run ./faults/cmd/bench

COUNT ?= 6
bench-go: ## run the Go benchmarks of the parts without Dapr, COUNT times each, for benchstat
	@tools/install.sh postgresql
	go test -run '^$$' -bench . -count $(COUNT) ./api/onbehalf ./kit/actors ./orders-actor/order ./orders-actor/orderdb/... ./faults/simulate

# The server is a binary in an npm package.
bin/bench/restate: $(addprefix faults/bench/restate/,main.go go.mod package-lock.json)
	@mkdir -p bin/bench
	cd faults/bench/restate && npm ci && install node_modules/@restatedev/restate-server-*/bin/restate-server ../../../bin/bench/
	cd faults/bench/restate && GOWORK=off $(GO_BUILD) -o ../../../$@ .

# The server is part of Temporal's CLI. Takes 15 minutes on 2 cores, once.
bin/bench/temporal: faults/bench/temporal/main.go bin/bench/temporal-server
	cd faults/bench/temporal && GOWORK=off $(GO_BUILD) -o ../../../$@ .
bin/bench/temporal-server: faults/bench/temporal/go.mod
	@mkdir -p bin/bench
	cd faults/bench/temporal && GOWORK=off $(GO_BUILD) -o ../../../$@ github.com/temporalio/cli/cmd/temporal

chaos: build runtime ## kill parts under load, check the invariants and print a report
	go run ./faults/cmd/chaos

lab: build runtime lab-build ## run the product with a page that kills its parts and checks that no order is lost; LAB_ADDR is the address
	@exec bin/lab

lab-build: $(STEP)
	@CGO_ENABLED=0 $(STEP) "building the fault lab" go build $(GO_FLAGS) -o=bin/ ./faults/cmd/lab

simulate: ## run seeded faults against the turns on a virtual clock
	N=$(or $(N),100000) go test -count=1 -v -timeout 0 -run TestInvariantsHold ./faults/simulate

FUZZ_TIME ?= 1m
fuzz: ## fuzz every parser, each for FUZZ_TIME
	@grep -rEoH --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' $(MODULES) | while IFS=: read -r file fuzz; do \
		(cd "$$(dirname "$$file")" && echo "$${fuzz#func }" && go test -run '^$$' -fuzz "^$${fuzz#func }$$" -fuzztime $(FUZZ_TIME) .); done

images: ## build the container images (LOCAL=1: without Docker, into the test cluster)
	deploy/images.sh

clean: ## delete build results; the data is kept
	rm -rf bin orders-actor/webui/dist/* web/node_modules

.PHONY: $(shell grep -oE '^[a-z][a-z0-9-]*:' Makefile | tr -d :)
