# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
PYTHON := .venv/bin/python
MINUTES ?= 30
SOURCES := $(shell git ls-files '*.cpp' '*.hpp' '*.h' 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help setup build demo test lint tidy mutations format bench bench-server soak fuzz fuzz-http wheel package docs sanitize sanitize-fast clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

setup: ## Install Debian packages (root or sudo) and the Python environment .venv
	@tools/setup.sh

build: setup ## Build everything and install it into .venv
	@tools/build.sh

demo: build ## Make the synthetic market, backtest its signal and show the result
	@.venv/bin/fractile demo

test: build ## Run all tests, C++ and Python
	@ctest --test-dir build/release --output-on-failure -j2 --quiet --output-log build/release/ctest.log || \
	  { grep -vE ' Passed |^ +Start ' build/release/ctest.log; exit 1; }
	@grep 'tests passed' build/release/ctest.log
	@$(PYTHON) -m pytest -q

lint: setup ## Check formats, types and the rules of the house
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@.venv/bin/clang-format --dry-run -Werror $(SOURCES)
	@$(PYTHON) -m mypy
	@tools/check_engine_includes.sh

tidy: build ## Read the C++ sources with clang-tidy, where it is installed
	@tools/tidy.sh

mutations: build ## Break one line at a time and see the test of its law fail (ten minutes)
	@$(PYTHON) tests/mutations.py

format: setup ## Format all sources
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .
	@.venv/bin/clang-format -i $(SOURCES)

bench: build ## Measure runs on the demo market, answers checked
	@$(PYTHON) bench/run.py

wheel: setup ## Make the Python wheel in dist/
	@tools/wheel.sh

package: build ## Install wheel and C++ library into clean places and use them from there
	@tests/package.sh

docs: build ## Build the documentation site into build/docs/html, executing its tutorial
	@tools/docs.sh

bench-server: build ## Load on the HTTP server, answers checked
	@$(PYTHON) bench/server.py

soak: build ## Mixed use of server and pool for MINUTES (default 30): no failure, nothing grows, nothing slows down
	@$(PYTHON) tests/soak.py --minutes $(MINUTES)

fuzz-http: build ## Generated requests against the HTTP server and its schema
	@tools/schemathesis.sh

sanitize: setup ## All tests under sanitizers: addresses, leaks, undefined behaviour, threads (two hours)
	@tools/sanitize.sh all

sanitize-fast: setup ## The part of it that .ci/run does
	@tools/sanitize.sh fast

fuzz: setup ## Fuzz every way in with libFuzzer: make fuzz SECONDS=60 TARGETS="csv query"
	@tools/fuzz.sh $(or $(SECONDS),60) $(TARGETS)

clean: ## Remove what was built (not .venv, not snapshots)
	@rm -rf build
