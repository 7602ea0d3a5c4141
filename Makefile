# `make help` lists the targets. What is up to date is not built again.
SHELL := /bin/bash -euo pipefail
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# npm and the tools that it runs choose what to install and build by this variable; each target needs its own choice.
unexport NODE_ENV

# Everything is built with the Go release that go.work pins; the go command fetches it as a module when the installed one differs.
export GOTOOLCHAIN := $(shell sed -n 's/^toolchain //p' go.work)

# Without VCS stamps: git refuses to read a checkout that belongs to another user.
GO_FLAGS := -buildvcs=false -trimpath -ldflags='-s -w'
GO_BUILD := CGO_ENABLED=0 go build $(GO_FLAGS)
# Relative, because make splits lists at blanks and the checkout's path may have one.
MODULES  := $(shell sed -n 's|^\t\(\./[a-z/-]*\)$$|\1|p' go.work)
EVERY    := $(addsuffix /...,$(MODULES))

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' Makefile | awk -F ':.*## ' '{ printf "  %-14s %s\n", $$1, $$2 }'

# Shows a command as one line. With -lock a second make in this folder waits, and tells what the first one does.
STEP  := bin/step
ALONE := $(STEP) -lock bin/.lock

run: $(STEP) ## build what is missing, start everything, print the address; Ctrl-C stops all of it
	@$(ALONE) $(MAKE) --no-print-directory build runtime
	@exec bin/stack

dapr-run: $(STEP) ## the same with the Dapr CLI: dapr run -f, on a copy of dapr/dapr.yaml with this run's addresses
	@$(ALONE) $(MAKE) --no-print-directory build runtime dapr-cli
	@exec bin/stack dapr-run

rebuild: build ## put orders that the order database has lost back into it, from the actors' states; `make run` may be running
	@exec bin/stack rebuild

## building

# Built as a module of its own, without the workspace: it must not download anything before it can show that.
$(STEP): $(wildcard stack/cmd/step/*.go)
	@mkdir -p bin
	@cd stack && GOWORK=off $(GO_BUILD) -o ../$(STEP) ./cmd/step

build: spa ## the services and the launcher, into bin/
	@CGO_ENABLED=0 $(STEP) "building the services" go build $(GO_FLAGS) -o=bin/ ./orders-actor ./payments-svc ./stack/cmd/stack

spa: $(STEP) orders-actor/spa/dist/index.html ## the SPA, into orders-actor, which serves it
orders-actor/spa/dist/index.html: web/node_modules/.package-lock.json $(shell find web api -type f -not -path '*/node_modules/*') \
		$(if $(wildcard orders-actor/spa/dist/index.html.br),,again)
	@cd web && ../$(STEP) "building the web pages" npm run build
	@touch $@

# npm writes this file last. An installation without the tools for development, made by hand, is replaced.
web/node_modules/.package-lock.json: web/package-lock.json $(if $(wildcard web/node_modules/.bin/vite),,again)
	@$(if $(wildcard $(STEP)),,$(MAKE) --no-print-directory $(STEP))
	@cd web && ../$(STEP) "installing npm packages" npm ci --include=dev --no-audit --no-fund
	@touch $@

.PHONY: again
again: # what depends on it is made again

runtime: $(STEP) ## Dapr's runtime, into bin/dapr: what is installed in the right version, the rest is built (10 minutes, once)
	@dapr/build runtime

dapr-cli: $(STEP) ## Dapr's command line, into bin/cli
	@dapr/build cli

bin/golangci-lint: tools/golangci-lint/go.mod
	cd tools/golangci-lint && GOWORK=off $(GO_BUILD) -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

bin/helm: tools/helm/go.mod
	cd tools/helm && GOWORK=off $(GO_BUILD) -o ../../$@ helm.sh/helm/v3/cmd/helm

bin/govulncheck: tools/govulncheck/go.mod
	cd tools/govulncheck && GOWORK=off $(GO_BUILD) -o ../../$@ golang.org/x/vuln/cmd/govulncheck

## checking

lint: bin/golangci-lint web/node_modules/.package-lock.json ## everything that the code must pass before it is read
	bin/golangci-lint fmt --diff $(MODULES)
	bin/golangci-lint run $(EVERY)
	go vet -tags stack,k8s $(EVERY)
	cd web && npm run typecheck && npm run lint

vuln: bin/govulncheck ## known vulnerabilities that the services can reach, from the pinned database module
	@db=$$(cd tools/govulncheck && GOWORK=off go mod download golang.org/x/vulndb && GOWORK=off go list -m -f '{{.Dir}}' golang.org/x/vulndb); \
		for module in orders-actor payments-svc stack; do (cd $$module && ../bin/govulncheck -db "file://$$db/data/osv" ./...); done

fmt: bin/golangci-lint web/node_modules/.package-lock.json ## format all code
	bin/golangci-lint fmt $(MODULES)
	cd web && npx prettier --write --log-level warn .

test: test-unit test-stack test-web test-web-e2e test-chaos test-deploy ## every test but those that need a cluster

test-unit: bin/helm ## unit and property tests, with the race detector; the plans at 1,000,000 orders
	@tools/install.sh postgresql pgbouncer
	go test -race -short $(EVERY)
	go test -timeout 20m -run TestPlans ./orders-actor/view

test-stack: build runtime dapr-cli ## the life of an order on the real Dapr
	@tools/install.sh postgresql curl jq
	go test -count=1 -p 1 -timeout 20m -tags stack ./stack/... ./payments-svc

test-web: web/node_modules/.package-lock.json ## the SPA's own tests
	cd web && npm test

test-web-e2e: build runtime ## the SPA in a real browser on the real stack
	@tools/install.sh chromium fonts-liberation
	cd web && npm run test:e2e && npm run check:bytes

test-chaos: build runtime ## faults: a short simulation, and kills under load
	@tools/install.sh postgresql pgbouncer
	go test -count=1 -p 1 -timeout 20m ./faults/...

test-deploy: bin/helm ## chart, images and compose file, without a cluster
	go test -count=1 ./deploy/...

# CLUSTER is the command of a kit that runs a cluster in a network of its own: images are loaded by it, tests run inside.
test-k8s: bin/helm spa ## the chart on the cluster of KUBECONFIG, where the images are, or on the one that CLUSTER runs
	@mkdir -p bin/images
	$(if $(CLUSTER),@LOCAL=1 CLUSTER='$(CLUSTER)' deploy/images.sh)
	go test -c -tags k8s -o bin/images/life.test ./deploy
	cd deploy && $(if $(CLUSTER),IMPOSTOR_IMAGE=localhost/impostor:$(shell sed -n 's/^appVersion: *//p' helm/Chart.yaml) $(CLUSTER) exec) ../bin/images/life.test -test.v -test.timeout 30m -test.run Cluster

## trying it hard

bench: build runtime ## throughput and latency of whole lives, on this machine
	go run ./faults/cmd/bench

chaos: build runtime ## mixed load while parts are killed; ends with a report
	go run ./faults/cmd/chaos

simulate: ## seeded faults against the turns on a virtual clock
	go run ./faults/cmd/simulate

FUZZ_TIME ?= 1m
fuzz: ## every parser, for FUZZ_TIME each
	@grep -rEoH --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' $(MODULES) | while IFS=: read -r file fuzz; do \
		(cd "$$(dirname "$$file")" && echo "$${fuzz#func }" && go test -run '^$$' -fuzz "^$${fuzz#func }$$" -fuzztime $(FUZZ_TIME) .); done

images: ## container images of both services (LOCAL=1: without Docker, into the test cluster)
	deploy/images.sh

clean: ## forget what was built; the data stays
	rm -rf bin orders-actor/spa/dist/* web/node_modules

.PHONY: $(shell grep -oE '^[a-z][a-z0-9-]*:' Makefile | tr -d :)
