# What a newcomer runs. Each step says what it does; nothing is skipped silently.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.PHONY: build check test simulation sim proof mutants demo bench tools clients foreign
.NOTPARALLEL:

say = @printf '\n== %s\n' "$(1)"
node_clients := $(dir $(wildcard clients/*/package.json))
python_clients := $(wildcard clients/*/requirements.txt)

build: ## Build the binary: target/release/syncline
	cargo build --release -p syncline

check: ## Formatting and lints
	$(call say,formatting: cargo fmt --check)
	cargo fmt --all --check
	$(call say,lints: cargo clippy --workspace --all-targets -- -D warnings)
	cargo clippy --workspace --all-targets --quiet -- -D warnings

test: tools clients check foreign ## Everything: lints, foreign clients against the sandboxes, all Rust tests, the simulation
	$(call say,Rust tests: cargo nextest run --workspace --exclude syncline-sim)
	time cargo nextest run --workspace --exclude syncline-sim
	$(MAKE) --no-print-directory simulation

simulation: tools ## A fixed corpus of simulated companies, and every planted defect caught (optimised, with the feature `defects`)
	$(call say,simulation: cargo nextest run --cargo-profile sim -p syncline-sim --features defects)
	time cargo nextest run --cargo-profile sim -p syncline-sim --features defects --success-output immediate

SEEDS ?= 20000
# Others in every second, twenty thousand apart.
ifndef START
START := $(shell echo $$(( $$(date +%s) % 100000000 * 20000 )))
endif
sim: ## Fresh seeds: SEEDS=20000 from a START that follows from the time; harder ones with THINGS=10
	$(call say,simulation: $(SEEDS) seeds from $(START))
	cargo run --release -p syncline -- sim --seeds $(SEEDS) --start $(START) $(if $(THINGS),--things $(THINGS))

proof: tools ## Minutes: the real binary killed at every request and every step of the journal, on both stores
	$(call say,proof: cargo nextest run -p syncline --test kill --run-ignored all)
	cargo nextest run -p syncline --test kill --run-ignored all --profile proof

mutants: tools ## An hour or two: every line of the merge and the planner changed once; do the core's tests notice? (docs/mutation.md)
	$(call say,mutants: cargo mutants)
	@command -v cargo-mutants >/dev/null || { echo "installing cargo-mutants"; cargo install cargo-mutants --locked; }
	CARGO_PROFILE_TEST_DEBUG=0 PROPTEST_CASES=48 PROPTEST_RNG_SEED=1 PROPTEST_MAX_SHRINK_ITERS=0 PROPTEST_DISABLE_FAILURE_PERSISTENCE=1 cargo mutants --no-shuffle

foreign: clients ## The vendors' client libraries against the sandboxes
	$(call say,foreign clients: clients/run)
	cargo build --quiet -p syncline
	clients/run "$${CARGO_TARGET_DIR:-target}/debug/syncline"

demo: ## The whole story on two local sandboxes, with no account anywhere
	cargo run -p syncline -- demo

bench: ## Time, memory and calls at 10,000 and 100,000 people a system; the sandboxes' processor time apart
	$(call say,bench: cargo run -p xtask -- bench)
	cargo build --release --quiet -p syncline
	cargo run --quiet -p xtask -- bench

# What the tests need beside Rust, Python 3 and Node: the test runner, and PostgreSQL's server programs unless
# SYNCLINE_TEST_PG names a server to use.
tools:
	$(call say,tools: cargo-nextest$(,) PostgreSQL)
	@command -v cargo-nextest >/dev/null || { echo "installing cargo-nextest"; cargo install cargo-nextest --locked; }
	@if [ -n "$${SYNCLINE_TEST_PG:-}" ]; then echo "PostgreSQL: the server that SYNCLINE_TEST_PG names"; \
	elif initdb=$$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1) && [ -n "$$initdb" ]; then \
		echo "PostgreSQL: a private server from $$(dirname "$$initdb")"; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing PostgreSQL with apt-get"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null; \
	else \
		echo "PostgreSQL is missing: install its server programs (initdb, postgres) or set SYNCLINE_TEST_PG" >&2; exit 1; \
	fi

# The vendors' own client libraries, as published.
clients: $(node_clients:%=%node_modules/.package-lock.json) clients/.venv/.installed

%/node_modules/.package-lock.json: %/package-lock.json
	$(call say,$*: npm ci)
	cd $* && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

clients/.venv/.installed: $(python_clients)
	$(call say,clients: a Python environment with $(or $(python_clients),nothing in it))
	python3 -m venv clients/.venv
	$(if $(python_clients),clients/.venv/bin/pip install --quiet --disable-pip-version-check $(python_clients:%=-r %))
	@touch $@

, := ,
