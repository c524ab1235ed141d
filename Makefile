# `make` alone lists the targets.

SHELL := /bin/sh
TARGET := $(or $(CARGO_TARGET_DIR),target)
SERVICES := auth posts subscriptions admin recommendations
# The programs of the distributed form.
PROGRAMS := $(SERVICES) web
# All tests use the same choice of crates and features, because another choice would compile the libraries again.
TESTED := --workspace --features testkit/servers --locked
TESTKIT := $(TARGET)/debug/testkit
STACK := $(TARGET)/release/testkit stack
# The faults that `make test` injects.
TEST_FAULTS := F1,F2,F3,F4,F5,F7,F11,F18,F19,H1
# Programs that check the libraries. Each name is that of a marker file with the version in it, so that a changed
# version is installed.
TOOLS := $(TARGET)/tools
DENY := $(TOOLS)/cargo-deny@0.20.2
CYCLONEDX := $(TOOLS)/cargo-cyclonedx@0.5.9
LOCUST := $(TARGET)/locust
LOCUST_VERSION := 2.47.0

# The rules of accessibility; the test of the pages looks for them here.
AXE := $(TARGET)/axe/axe.min.js
SCHEMATHESIS := $(TARGET)/schemathesis
SCHEMATHESIS_VERSION := 4.32.5

.DEFAULT_GOAL := help
.PHONY: help test lint screens schemathesis lint-api supply servers stack stack-restart stack-down chaos bench load up down

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: servers $(AXE) ## all tests: SQLite, Postgres, RabbitMQ, the whole suite end to end, requests by the description of the API and clients made of it, ten faults and a full disk; finds or installs the servers
	cargo build $(TESTED)
	cargo test $(TESTED)
	$(TESTKIT) run -- env TEST_DATABASE=postgres cargo test $(TESTED) --test api
	$(TESTKIT) run -- env TEST_DATABASE=postgres cargo test $(TESTED) --lib -- migrations
	$(MAKE) schemathesis
	$(MAKE) lint-api
	$(TESTKIT) chaos --bin-dir $(TARGET)/debug --seed 1 --duration 150 --faults $(TEST_FAULTS)
	$(TESTKIT) chaos --bin-dir $(TARGET)/debug --seed 1 --duration 1 --faults E4 --embedded

$(AXE): testkit/axe/requirements.txt
	@command -v python3 >/dev/null || { echo "make test needs python3" >&2; exit 1; }
	rm -rf $(TARGET)/axe
	python3 -m venv $(TARGET)/axe/python || { echo "make test needs the package python3-venv" >&2; exit 1; }
	$(TARGET)/axe/python/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	cp $(TARGET)/axe/python/lib/python3*/site-packages/axe_playwright_python/axe.min.js $@

screens: servers $(AXE) ## the pictures of the pages in docs/screens
	mkdir -p docs/screens
	cargo build $(TESTED)
	SCREENS=$(CURDIR)/docs/screens cargo test $(TESTED) --test pages the_pages_are_for_everybody

schemathesis: $(SCHEMATHESIS)/$(SCHEMATHESIS_VERSION) ## right and wrong requests by the description of the API, against a new suite in one process
	cargo build $(TESTED)
	testkit/schemathesis/run.sh $(TARGET)/debug/chatty $(SCHEMATHESIS)/bin/schemathesis

$(SCHEMATHESIS)/$(SCHEMATHESIS_VERSION):
	@command -v python3 >/dev/null || { echo "make schemathesis needs python3" >&2; exit 1; }
	rm -rf $(SCHEMATHESIS)
	python3 -m venv $(SCHEMATHESIS) || { echo "make schemathesis needs the package python3-venv" >&2; exit 1; }
	$(SCHEMATHESIS)/bin/pip install --quiet --disable-pip-version-check schemathesis==$(SCHEMATHESIS_VERSION)
	touch $@

lint-api: ## the description of the API: Redocly, Spectral, and the main job by generated clients in Python and TypeScript; skipped where there is no Node
	cargo build $(TESTED)
	testkit/api-lint/run.sh $(TARGET)/debug/chatty $(TARGET)/api-lint

lint: supply ## format, clippy and rustdoc, where every warning is an error; and what `make supply` looks at
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

supply: $(DENY) $(CYCLONEDX) ## licences and sources of all libraries, by deny.toml; a bill of materials of each program, in target/sbom; with ADVISORIES=clone of rustsec/advisory-db also known faults
	$(TOOLS)/bin/cargo-deny check licenses bans sources
	@if [ -n "$(ADVISORIES)" ]; then \
		rm -rf target/advisories && \
		git clone --quiet "$(ADVISORIES)" target/advisories/advisory-db-3157b0e258782691 && \
		git -C target/advisories/advisory-db-3157b0e258782691 fetch --quiet && \
		$(TOOLS)/bin/cargo-deny --offline check advisories; \
	else \
		echo "Known faults of the libraries were NOT looked for: say ADVISORIES=clone of https://github.com/rustsec/advisory-db"; \
	fi
	@mkdir -p $(TARGET)/sbom
	$(TOOLS)/bin/cargo-cyclonedx cyclonedx --quiet --format json --spec-version 1.5 --override-filename sbom
	@for program in $(SERVICES:%=services/%) web chatty; do \
		mv "$$program/sbom.json" "$(TARGET)/sbom/$${program##*/}.json" || exit 1; \
	done
	@rm -f shared/sbom.json testkit/sbom.json bench/sbom.json

# Built without optimisation: each runs for seconds, and is built in little more than a minute.
$(DENY) $(CYCLONEDX):
	CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --root $(TOOLS) --target-dir $(TOOLS)/build $(@F)
	rm -rf $(TOOLS)/build
	touch $@

servers:
	@testkit/install.sh

stack: servers ## start the distributed form in the background: Postgres, RabbitMQ, mail sink, nginx, five services, the pages
	cargo build --release --locked $(PROGRAMS:%=-p %) -p testkit -p chatty
	@$(STACK) up --bin-dir $(TARGET)/release

stack-restart: ## start one part of the stack again: make stack-restart S=posts
	@test -n "$(S)" || { echo "say which part: make stack-restart S=posts" >&2; exit 2; }
	@$(STACK) restart "$(S)"

stack-down: ## stop the stack and remove its data
	@if [ -x $(TARGET)/release/testkit ]; then $(STACK) down; else echo "no stack was ever built"; fi

chaos: servers ## inject faults under load, then check that nothing acknowledged was lost: make chaos SEED=7 DURATION=60 FAULTS=F1,F5; DURATION=all; BROKERS=3 STANDBY=1; EMBEDDED=1
	cargo build --release --locked $(PROGRAMS:%=-p %) -p testkit -p chatty -p shared --features shared/fail-points
	@$(TARGET)/release/testkit chaos --bin-dir $(TARGET)/release --seed $(or $(SEED),1) --duration $(or $(DURATION),60) \
		$(if $(FAULTS),--faults $(FAULTS)) $(if $(BROKERS),--brokers $(BROKERS)) $(if $(STANDBY),--standby) $(if $(EMBEDDED),--embedded)

bench: ## measure Chatty beside other programs that do the same, in one run: make bench ONLY=P8,P9 FULL=1
	@testkit/install.sh bench
	cargo build --profile dist --locked $(PROGRAMS:%=-p %) -p testkit -p chatty -p bench
	@$(TARGET)/dist/bench --bin-dir $(TARGET)/dist --tools $(TARGET)/bench $(if $(ONLY),--only $(ONLY)) $(if $(FULL),--full)

load: $(LOCUST)/$(LOCUST_VERSION) ## 50 people for 60 seconds against the stack, with Locust; fails on any failed request
	@test -f .stack/env || { echo "no stack is up; make stack starts one" >&2; exit 1; }
	@set -a; . ./.stack/env; set +a; \
	NO_PROXY=127.0.0.1,localhost $(LOCUST)/bin/locust --locustfile locustfile.py --headless --only-summary \
		--users 50 --spawn-rate 5 --run-time 60s --stop-timeout 10 --exit-code-on-error 1 --host "$$GATEWAY_URL"

# The marker file has the version in its name, so that a changed version is installed.
$(LOCUST)/$(LOCUST_VERSION):
	@command -v python3 >/dev/null || { echo "make load needs python3" >&2; exit 1; }
	rm -rf $(LOCUST)
	python3 -m venv $(LOCUST) || { echo "make load needs the package python3-venv" >&2; exit 1; }
	$(LOCUST)/bin/pip install --quiet --disable-pip-version-check locust==$(LOCUST_VERSION)
	touch $@

up: ## start everything with docker compose, and wait until it is healthy
	docker compose up --build --detach --wait

down: ## stop what docker compose started; the data stays
	docker compose down
