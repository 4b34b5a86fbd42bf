# Two commands carry the project: `make demo` shows it, `make test` proves it. The work is in docker/local-stack.sh.

# Containers where an engine answers, else the same parts as plain processes: auto, local or compose.
export TM_STACK ?= auto
export PATH := $(PATH):$(HOME)/.cargo/bin
STACK := docker/local-stack.sh
STACK_DIR := $(or $(TM_STACK_DIR),.stack)
# Most tests wait for the parts rather than compute, so more of them run at once than there are cores. Those of the
# suites `faults`, `memory` and `pipeline` measure times and memory, or load the archive: one for each core.
TESTS := RUST_TEST_THREADS=6 cargo test --locked --workspace --lib --bins --test '[!fmp]*' --test 'f[!a]*' --test 'm[!e]*' && \
	cargo test --locked --workspace --test 'fa*' --test 'me*' --test 'p*'
# Ten thousand connections are ten thousand open files, here and in the service.
LOAD := set -a; . .stack/env; . .stack/env.proxies; ulimit -n $$(ulimit -H -n) || true; cargo bench --locked --bench load --
# As the tests are built, so that nothing is compiled for it.
COUNTS := cargo bench --locked --workspace --profile dev --bench load -- counts $(if $(WHY),--why "$(WHY)")
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# No target is a file.
.PHONY: $(shell grep -oE '^[a-z-]+:' $(firstword $(MAKEFILE_LIST)) | tr -d :)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: rust up proxies build ## start everything, follow one change through all of it, and move a canary in a real Envoy
	@$(STACK) migrate
	@$(STACK) service-stop
	@$(STACK) service-start
	@docker/demo.sh

observe: ## start Prometheus and Alertmanager beside the demo, with the rules of docker/observe
	@$(STACK) observe

observe-check: ## ask a real Prometheus each query of the dashboards, with traffic; a panel without data is an error
	@docker/observe/check.sh

dashboards: ## make the dashboards of docker/observe/dashboards anew
	@$(STACK) install
	@set -a; . $(STACK_DIR)/env; $$GRAFANA_PYTHON docker/observe/dashboards.py

game-day: ## make faults on the running stack, wait for their alerts, and write docs/operations/game-days.md (half an hour)
	@docker/observe/game_day.sh

test: rust up proxies ## every test, against the real parts
	@set -a; . .stack/env; . .stack/env.proxies; $(TESTS)

test-secure: rust up proxies ## the same with keys and TLS everywhere: to the API, PostgreSQL, Kafka (with a password) and MongoDB
	@set -a; . .stack/env; . .stack/env.secure; . .stack/env.proxies; export TM_TEST_SECURE=1; $(TESTS)

bench: rust up proxies ## measure at full size: against a bare server, pgbench, and the peers that are installed
	@$(LOAD) full

bench-quick: rust up proxies ## the same at small sizes: whether it runs, and roughly where it stands
	@$(LOAD) quick

counts: rust up ## the guard: instructions of the hot paths, compared with benches/counts.json
	@set -a; . .stack/env; $(COUNTS)

bench-peers: ## install nginx, etcd and Unleash, to measure against
	@benches/peers.sh

test-sdk: rust up ## the SDKs: a clean installation, every test of them, and the walks against the real service
	@set -a; . .stack/env; cargo test --locked -p traffic-manager-client; TM_SDK_FULL=1 cargo test --locked --test sdk -- --nocapture

proxies: ## install Envoy, Traefik, Caddy, HAProxy and nginx, which tests/proxies starts
	@$(STACK) proxies

up: ## start the stack: PostgreSQL with a replica, Kafka, MongoDB
	@$(STACK) install
	@$(STACK) up

down: ## stop the stack, Traffic Manager first
	@$(STACK) down

reset: ## stop the stack and forget its data
	@$(STACK) reset

status: ## what runs, and where
	@$(STACK) status

ui: ## build the web page into ui/dist, which is committed
	@$(STACK) ui build

ui-dev: ## the web page with its sources, as they change; requests go to TM_URL, with TM_TOKEN
	@$(STACK) ui dev

test-ui: rust up build ## the web page: its units, then a browser that uses it against the real service
	@set -a; . .stack/env; set +a; TM_BINARY=$${TM_BINARY:-$(CURDIR)/target/debug/traffic-manager} $(STACK) ui test

build: rust ## compile
	cargo build --locked

man: rust ## the manual of tmctl, in target/man
	cargo run --locked -q -p traffic-manager-cli -- man target/man

fmt: rust ## format the code
	cargo fmt --all

lint: rust ## formatting, clippy and the documentation's links
	@$(STACK) install
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --locked --workspace --no-deps

deny: rust ## licences, advisories and sources of the dependencies
	@command -v cargo-deny >/dev/null || { echo 'cargo-deny is missing: cargo install --locked cargo-deny' >&2; exit 1; }
	cargo deny --locked check

deny-proof: rust ## that each of these rules refuses what it is there for
	@command -v cargo-deny >/dev/null || { echo 'cargo-deny is missing: cargo install --locked cargo-deny' >&2; exit 1; }
	@.ci/deny-proof.sh

sbom: rust ## what the programs are made of, as CycloneDX, in target/sbom
	@command -v cargo-cyclonedx >/dev/null || { echo 'cargo-cyclonedx is missing: cargo install --locked cargo-cyclonedx' >&2; exit 1; }
	@cargo metadata --locked --format-version 1 >/dev/null
	@cargo cyclonedx --quiet --format json --spec-version 1.5 --all --override-filename traffic-manager.cdx
	@mkdir -p target/sbom && mv traffic-manager.cdx.json target/sbom/
	@mv crates/agent/traffic-manager.cdx.json target/sbom/tm-agent.cdx.json
	@mv crates/cli/traffic-manager.cdx.json target/sbom/tmctl.cdx.json
	@rm -f crates/*/traffic-manager.cdx.json && ls -l target/sbom # libraries: their parts are in those of the programs

fuzz: rust up ## every property with many cases, then requests made from the OpenAPI document, for ten minutes
	@PROPTEST_CASES=$${PROPTEST_CASES:-$$(( $${TM_FUZZ_SECONDS:-600} * 5 ))} cargo test --locked --workspace --lib
	@set -a; . .stack/env; TM_FUZZ_SECONDS=$${TM_FUZZ_SECONDS:-600} cargo test --locked --test fuzz -- --nocapture

soak-kill: rust up ## the kill -9 tests at their full size
	@set -a; . .stack/env; TM_FAULTS_FULL=1 cargo test --locked --test faults kill9 -- --nocapture --test-threads 1

soak-export: rust up ## the export test at its full size: 1,000,000 events
	@set -a; . .stack/env; TM_EXPORT_EVENTS=1000000 cargo test --locked --test faults exports -- --nocapture

soak-plan: rust up ## a plan of 10,000 changes while 1,000 pollers wait: time and memory
	@set -a; . .stack/env; ulimit -n $$(ulimit -H -n) || true; TM_SCALE=10000,1000 cargo test --locked --test api -- scale::waiting --nocapture

soak-neighbours: rust up ## a tenant at twenty times its limit beside another, which may get 1.2 times slower: for two minutes
	@set -a; . .stack/env; TM_NEIGHBOURS_SECONDS=120 cargo test --locked --test faults neighbours -- --nocapture

soak-lost: rust up proxies ## the five proxies while the service is away for a minute (TM_LOST_SECONDS)
	@set -a; . .stack/env; . .stack/env.proxies; TM_LOST_SECONDS=$${TM_LOST_SECONDS:-60} cargo test --locked --test proxies -- lost::every_proxy_serves_on --nocapture

soak-memory: rust up ## two hours' worth of large work in minutes: what it took in memory is given back
	@set -a; . .stack/env; TM_MEMORY_ROUNDS=$${TM_MEMORY_ROUNDS:-20} cargo test --locked --profile simulate --test faults memory:: -- --nocapture

simulate: rust ## the simulator, optimised, for TM_SIM_SECONDS (five minutes), or one TM_SIM_SEED again
	@[ -n "$${TM_SIM_SEED:-}$${TM_SIM_SEEDS:-}" ] || export TM_SIM_SECONDS=$${TM_SIM_SECONDS:-300}; \
	 cargo test --locked --profile simulate -p traffic-manager-core --test simulator -- --nocapture

mutants: rust ## mutation tests of the pure core (hours); MUTANTS="-f crates/core/src/walk.rs" for a part of it
	@.ci/mutants.sh $(MUTANTS)

COVERAGE := cargo llvm-cov --no-report --locked
COVERED := target/coverage.lcov

coverage: rust ## line coverage of src and crates by the tests that need no stack, for each part
	@command -v cargo-llvm-cov >/dev/null || { echo 'cargo-llvm-cov is missing: rustup component add llvm-tools; cargo install --locked cargo-llvm-cov' >&2; exit 1; }
	cargo llvm-cov clean --workspace
	$(COVERAGE) --workspace --lib
	$(COVERAGE) --package traffic-manager-core --package traffic-manager-dataplane --test '*'
	$(COVERAGE) --test contract
	@cargo llvm-cov report --workspace --lcov --output-path $(COVERED)
	@.ci/coverage.py $(COVERED) | tee target/coverage.md

coverage-all: coverage up ## the same with the suites that need the stack, but for those that measure time, memory or faults
	@set -a; . .stack/env; $(COVERAGE) --test api --test pipeline --test model --test cache_race --test jwt
	@cargo llvm-cov report --workspace --lcov --output-path $(COVERED)
	@.ci/coverage.py $(COVERED) | tee target/coverage-all.md

FAULTS := t1_ t2_ t3_ t4_ t5_ t6_ t7_ t8_ t13_ t15_ t16_ restored kill9_of_every sessions_ half_open commit:: neighbours
FAULTS_REPORT := target/faults/report.jsonl

faults-quick: rust up ## every fault at its small size, in minutes; TM_FAULTS_SEED chooses another load
	@mkdir -p $(dir $(FAULTS_REPORT)); set -a; . .stack/env; TM_FAULTS_SEED=$${TM_FAULTS_SEED:-7} TM_FAULTS_REPORT=$(FAULTS_REPORT) \
	    cargo test --locked --test faults -- $(FAULTS) --nocapture --test-threads 1

faults: rust up ## every fault at full size, optimised, ten runs each (TM_FAULTS_RUNS), and a table of the figures: hours
	@mkdir -p $(dir $(FAULTS_REPORT)); rm -f $(FAULTS_REPORT); set -a; . .stack/env; \
	faults="cargo test --locked --profile simulate --test faults"; $$faults --no-run; \
	export TM_FAULTS_FULL=1 TM_FAULTS_REPORT=$(FAULTS_REPORT) TM_NEIGHBOURS_SECONDS=60; failed=0; \
	for run in $$(seq $${TM_FAULTS_RUNS:-10}); do for fault in $(FAULTS); do \
	    echo "run $$run of $$fault"; \
	    timeout 3600 $$faults -- $$fault --nocapture --test-threads 1 \
	        || { failed=1; echo "{\"failed\":\"$$fault, run $$run\"}" >>$(FAULTS_REPORT); }; \
	done; done; tests/faults/table.sh $(FAULTS_REPORT); exit $$failed

sabotage: rust up ## classic bugs, put into a copy one by one: a test must catch each; PATCHES="unfenced_leader" for some of them
	@set -a; . .stack/env; tests/faults/sabotage.sh $(PATCHES)

kube-check: ## the manifests of docker/kubernetes against a real API server, and planted mistakes; compiles it the first time (minutes)
	@docker/kubernetes/check.sh check

workflow-check: ## lint the workflows and the Dockerfiles
	@.ci/workflows.sh

size: ## memory, processor and disk of an installation: TENANTS, ROUTES, NODES, WRITES (a second), DAYS
	@docs/operations/size.py $(foreach name,TENANTS ROUTES NODES WRITES DAYS INSTANCES,$(if $($(name)),$(name)=$($(name))))

rust:
	@command -v cargo >/dev/null || { echo 'Rust is missing: install 1.92 or newer from https://rustup.rs, then try again' >&2; exit 1; }
