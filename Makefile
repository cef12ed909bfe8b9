# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
PYTHON := .venv/bin/python
MINUTES ?= 30
SOURCES := $(shell git ls-files '*.cpp' '*.hpp' '*.h' 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help setup build all demo test lint tidy differential public-tables mutations extensions format bench bench-compare bench-server bench-inference bench-scale monte-carlo ledger attacks soak instructions determinism sbom fuzz fuzz-http \
  wheel package docs sanitize sanitize-fast web web-check test-web test-scale screenshots agents clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

setup: ## Install Debian packages (root or sudo) and the Python environment .venv
	@tools/setup.sh

build: ## Set up, build the product alone and install it into .venv
	@tools/setup.sh product
	@tools/build.sh product

all: setup ## Build everything, tests and benchmarks included
	@tools/build.sh

demo: build ## Make the synthetic market, backtest its signal and print the result
	@.venv/bin/fractile demo

test: all ## Run all tests, C++ and Python
	@ctest --test-dir build/release --output-on-failure -j2 --quiet --output-log build/release/ctest.log || \
	  { grep -vE ' Passed |^ +Start ' build/release/ctest.log; exit 1; }
	@grep 'tests passed' build/release/ctest.log
	@$(PYTHON) -m pytest -q -n 2 -m 'not alone'
	@$(PYTHON) -m pytest -q -m alone

lint: setup ## Check formats, types and the rules of the house
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@.venv/bin/clang-format --dry-run -Werror $(SOURCES)
	@$(PYTHON) -m mypy
	@$(PYTHON) tools/check_rooms.py
	@$(PYTHON) tools/check_words.py
	@$(PYTHON) tools/check_functions.py
	@$(PYTHON) tools/check_web.py

tidy: all ## Check the C++ sources with clang-tidy, if it is installed
	@tools/tidy.sh

differential: build ## Compare engine and oracle on random cases for MINUTES (default 30), from case FIRST on or from a random one
	@$(PYTHON) tests/differential.py --minutes $(MINUTES) $(if $(FIRST),--first $(FIRST))

public-tables: build ## Make the momentum and double-sort tables of the package tidyfinance again, compare every month (one minute)
	@$(PYTHON) tests/public_tables.py

mutations: all ## Break one line at a time and check that the test of its law fails (ten minutes)
	@$(PYTHON) tests/mutations.py

extensions: all ## Add one table, statistic and endpoint to a copy, build it, find them on every surface (five minutes)
	@$(PYTHON) tests/extensions.py

web: ## Build the pages of web/ into web/built, which the product embeds (needs Node from 20.19)
	@cd web && npm ci --silent && npm run --silent build

test-scale: all ## Sweep 2,000 signals on every executor and on two nodes of Ray, with 50 kills; measure the driver's memory over 100,000 (30 minutes)
	@tools/test_scale.sh

test-web: all ## Run all tests of the pages in Chromium, with a signal file of 100 MB (four minutes)
	@$(PYTHON) -m pytest -q tests/web tests/python/test_dashboard*.py tests/python/test_tear_sheet_browser.py

screenshots: all ## Make the pictures of README.md and the pages from the demo
	@$(PYTHON) tools/screenshots.py

web-check: web ## Fail if web/built is not what its sources give
	@git diff --exit-code --stat web/built

format: setup ## Format all sources
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .
	@.venv/bin/clang-format -i $(SOURCES)

MARKETS ?= W2,W10
bench: all ## Measure kernels, whole runs, memory and other systems, answers checked (MARKETS=W2,W10,WFull)
	@tools/bench.sh $(MARKETS)

ROUNDS ?= 3
bench-compare: all ## Alternate whole runs of BASE=revision and of the working tree; print ratios (ROUNDS=3, CASES=text)
	@tools/bench_compare.sh "$(BASE)" $(ROUNDS) "$(CASES)"

instructions: all ## Count the instructions of each stage of a small run; fails if a stage takes over 5 % more
	@tools/install_packages.sh valgrind
	@$(PYTHON) bench/instructions.py

RUNS ?= 1000
determinism: all ## The same run RUNS=1000 times through threads, kernels, batches, HTTP and the pool: one hash
	@FRACTILE_DETERMINISM_RUNS=$(RUNS) $(PYTHON) -m pytest -q tests/python/test_determinism.py

sbom: setup ## Write the components of fractile as CycloneDX: build/sbom/*.cdx.json
	@tools/sbom.sh

wheel: setup ## Make the Python wheel in dist/
	@tools/wheel.sh

package: all ## Install wheel and C++ library into clean environments and use them from there
	@tests/package.sh

docs: all ## Build the documentation site into build/docs/html, executing its tutorial
	@tools/docs.sh

SIMULATIONS ?= 1000
monte-carlo: build ## Size of every test and coverage of every interval on SIMULATIONS=1000 simulated series (a quarter of an hour)
	@$(PYTHON) bench/monte_carlo.py --simulations $(SIMULATIONS)

bench-scale: all ## Measure sweeps: overhead, calls of executors, memory, a million rows; writes docs/scale.md
	@PYTHONPATH=tests $(PYTHON) bench/scale.py --write

bench-inference: build ## Time the statistics and what a study adds to a run
	@$(PYTHON) bench/inference.py

ledger: build ## The trial ledger in full: 50 kills, 8 processes of 500 runs, forks
	@FRACTILE_LEDGER_KILLS=50 FRACTILE_LEDGER_PROCESSES=8 FRACTILE_LEDGER_RUNS=500 $(PYTHON) -m pytest -q tests/python/test_ledger_processes.py

agents: build ## 100 agents that each try 500 signals of noise: at most 5 may end with a good deflated ratio
	@PYTHONPATH=tests $(PYTHON) tests/noise_agents.py

bench-server: all ## Load on the HTTP server, answers checked
	@PYTHONPATH=tests $(PYTHON) bench/server.py

attacks: all ## Attacks on snapshots at full size: flipped bits, cut files, crashes, full disks (ten minutes)
	@tools/attacks.sh

soak: all ## Mixed use of server and pool for MINUTES (default 30): no failure, no growth, no slowdown
	@$(PYTHON) tests/soak.py --minutes $(MINUTES)

fuzz-http: all ## Generated requests against the HTTP server and its schema
	@tools/schemathesis.sh

sanitize: setup ## All tests under sanitizers: addresses, leaks, undefined behaviour, threads (two hours)
	@tools/sanitize.sh all

sanitize-fast: setup ## The quick part of the sanitizers, which .ci/run runs
	@tools/sanitize.sh fast

fuzz: setup ## Fuzz every entry for foreign bytes with libFuzzer: make fuzz SECONDS=60 TARGETS="csv query"
	@tools/fuzz.sh $(or $(SECONDS),60) $(TARGETS)

clean: ## Remove build products (not .venv, not snapshots)
	@rm -rf build
