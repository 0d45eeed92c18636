# Everything is reached through these targets; `make` lists them.
SHELL := /bin/bash
# An older Go fetches the one that go.mod names, also where its packager has turned that off.
export GOTOOLCHAIN := auto
# With and without a C compiler all of the Temporal server would be compiled;
# only the race detector needs one.
export CGO_ENABLED := 0
# What a go.work in a folder above says is about other modules.
export GOWORK := off
# Where git will not read this folder, because another user owns it, Go would not build.
export GOFLAGS := $(strip $(GOFLAGS) $(shell git rev-parse HEAD >/dev/null 2>&1 || echo -buildvcs=false))
RACE := CGO_ENABLED=1
STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
VERSION := $(shell git describe --always --dirty --tags 2>/dev/null || echo dev)
STACK := bin/devstack
# End-to-end tests wait for windows, leases and outages more than they compute.
WAITING := -parallel 3

.DEFAULT_GOAL := help
.PHONY: help build run demo docs screenshots test test-unit test-e2e test-real test-deploy test-contract test-ha test-bare soak bench bench-compare bench-curves \
	bench-saga bench-tools rootfs lint audit fuzz clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# What the machine lacks is installed by the target that needs it, or named.
setup-%:
	@scripts/setup $*

build: setup-build ## compile bin/order-service and bin/devstack
	@VERSION=$(VERSION) scripts/build

run: setup-run build ## start everything on http://127.0.0.1:8080; data stays in .data
	@$(STACK) --data .data --demo -- bin/order-service --role=all

demo: setup-run build ## as run, with a simulated sale: watch the shop, and the board on /board
	@$(STACK) --data .data --demo --sale -- bin/order-service --role=all

test: test-unit test-e2e ## all tests, on servers that are started for them; Kafka is one in Go

test-unit: setup-test build ## the packages' tests with the race detector
	$(RACE) $(STACK) -- go test -race ./...
	$(RACE) go test -race -tags failpoints ./failpoint

test-e2e: setup-test build ## build and exec the binary, drive it through HTTP only
	cd devstack && ../$(STACK) -- go test -timeout 45m $(WAITING) ./...

test-real: setup-test-real build ## as test-e2e, on Apache Kafka, redis-server, Postgres and Temporal on it
	cd devstack && ../$(STACK) --kafka=apache --temporal=postgres -- go test -count=1 -timeout 45m $(WAITING) ./...

test-deploy: build ## the chart, alerts, runbooks, dashboards and compose.yaml, by Helm's, kubeconform's, Prometheus' and Compose's own code or schemas
	cd deploy/test && go mod tidy -diff && go vet ./... && $(STATICCHECK) ./... && go test -count=1 ./...

test-contract: setup-test-contract build ## schemathesis, with every check, over what openapi.yaml promises (needs Python 3.11)
	$(STACK) -- devstack/contract/run

test-ha: setup-test-real build ## Postgres, Redis and Kafka failing over in mid-sale, and masters that answer and refuse to write
	cd devstack && ../$(STACK) --kafka=apache -- go test -count=1 -timeout 45m $(WAITING) -run '^TestHA' ./e2e/

test-bare: ## make demo and make test as a newcomer finds them: a bare Debian in a chroot, as root
	@scripts/bare

soak: setup-test build ## test-e2e with every fault at every failpoint, long outages, 5,000 histories
	cd devstack && SOAK=1 HISTORIES=5000 ../$(STACK) -- go test -timeout 2h $(WAITING) ./e2e/

bench: bench-tools ## a sale against an api: 5,000 orders a second for a minute, then twice what it can bear
	$(STACK) --data .bench -- scripts/bench --rate 5000 --duration 60s accept
	$(STACK) --data .bench -- scripts/bench --overload --duration 20s accept

bench-compare: bench-tools ## the service, three peers and a control in turns: ratios, CPU, commits, round trips
	$(STACK) --data .bench -- bin/compare --json .bench/compare.json
	$(STACK) --data .bench-apache --kafka=apache -- bin/compare --warmup 5s

bench-curves: bench-tools ## docs/images: latency by load; cost by connections, batches, products, rows
	$(STACK) --data .bench -- bin/compare curves --slice 3s --out docs/images

bench-saga: bench-tools ## accepted orders to their payment link and to CONFIRMED, beside plain workflows
	$(STACK) --data .bench -- bin/sagabench --backlog 2000,20000 --json .bench/saga.json
	$(STACK) --data .bench -- bin/sagabench --only orders --posts 50
	$(STACK) --data .bench -- bin/sagabench --only orders --backlog 5000 --provider 2s --rounds 1
	$(STACK) --data .bench-postgres --temporal=postgres -- bin/sagabench

bench-tools: setup-run build
	cd devstack && go build -o ../bin/ ./compare ./load ./peer ./sagabench

lint: ## gofmt, go vet, staticcheck and go mod tidy, in both modules
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt'ed: $$unformatted"; exit 1; }
	go vet ./... && $(STATICCHECK) ./... && go mod tidy -diff
	go vet -tags failpoints ./... && $(STATICCHECK) -tags failpoints ./...
	cd devstack && go vet ./... && $(STATICCHECK) ./... && go mod tidy -diff
	go test -run TestFoldersImportOnlyWhatTheirJobAllows .

docs: ## write docs/configuration.md and docs/metrics.md anew from config/ and metrics/
	go generate ./config ./metrics

screenshots: setup-test build ## take the pictures in docs/images anew, of a sale of six minutes
	cd devstack && SCREENSHOTS="$(CURDIR)/docs/images" ../$(STACK) -- go test -count=1 -v -timeout 12m -run '^TestScreenshots$$' ./e2e/

fuzz: setup-build ## FUZZTIME, a minute, for each parser of untrusted bytes
	@scripts/fuzz

rootfs: setup-rootfs ## lay out in bin/rootfs what the image holds; no container engine is needed
	@VERSION=$(VERSION) scripts/rootfs bin/rootfs

audit: setup-build ## known vulnerabilities, licences and the bill of materials of what production links
	@VERSION=$(VERSION) scripts/audit

clean: ## remove what was built and the data of make run
	rm -rf bin .data .bench .bench-apache .bench-postgres
