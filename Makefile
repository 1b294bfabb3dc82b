# The two commands of the README are `make demo` and `make test`; both install what they need.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
DOCS_VENV := .venv-docs
BIN := $(VENV)/bin
NETWORK ?= proeftuin.sandbox
FEDERATION ?= proeftuin-grens.sandbox
REGIONS ?= proeftuin-oost.sandbox proeftuin-west.sandbox
PROPOSER ?= ziekenhuis
BENCH ?=

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/'

$(VENV)/.werkplaats: requirements/werkplaats.lock pyproject.toml
	@sh scripts/make-venv $(VENV) werkplaats

$(VENV)/.test: requirements/test.lock pyproject.toml
	@sh scripts/make-venv $(VENV) test
	@touch $(VENV)/.werkplaats

token: $(VENV)/.werkplaats requirements/token.lock ## add what signs with a root or release holder's key on a token
	@sh scripts/make-venv $(VENV) token

pdf: $(VENV)/.werkplaats requirements/pdf.lock ## add what writes the record of an incident as PDF
	@sh scripts/make-venv $(VENV) pdf

demo: $(VENV)/.werkplaats ## stand up a network of four organisations on this machine, verify it, and ask it a question
	@$(BIN)/werkplaats doctor --yes
	@$(BIN)/werkplaats up $(NETWORK) --yes --all-steps
	@$(BIN)/werkplaats rehearse $(NETWORK)

demo-federation: $(VENV)/.werkplaats ## two regional networks that federate while one of them computes, and a question over their border
	@$(BIN)/werkplaats doctor --yes
	@BIN=$(BIN) sh scripts/demo-federation $(FEDERATION) $(REGIONS) $(PROPOSER)

test: $(VENV)/.test ## every check and test of the project
	@$(BIN)/werkplaats doctor --yes
	@sh scripts/run-tests

lint: $(VENV)/.test ## formatting, types, layers, Ansible and YAML
	@sh scripts/run-lint

bench: $(VENV)/.test ## measure, into build/bench.json (BENCH="network-4 bare" chooses, BENCH=--help tells)
	@$(BIN)/werkplaats doctor --yes
	@$(BIN)/python -m tests.benchmarks $(BENCH)

soak: $(VENV)/.test ## kill `up` in every phase and at random seconds, 25 organisations too, upgrades at twenty points (WERKPLAATS_KILL_SEED chooses); more than 10,000 generated inputs
	@$(BIN)/werkplaats doctor --yes
	@PATH="$(CURDIR)/$(BIN):$$PATH" pytest -v -s -m soak
	@PATH="$(CURDIR)/$(BIN):$$PATH" WERKPLAATS_FUZZ_TIMES=20 pytest -q -m fuzz

suite: ## this project as one file that needs no checkout, and as a wheel, in build/suite: the same bytes from the same commit
	@python3 scripts/suite.py build/suite

$(DOCS_VENV)/.docs: requirements/docs.lock pyproject.toml
	@sh scripts/make-venv $(DOCS_VENV) docs

docs: $(DOCS_VENV)/.docs ## README and guides as a site, in build/docs; a link that leads nowhere stops it
	@$(DOCS_VENV)/bin/sphinx-build --quiet --fresh-env --write-all --fail-on-warning --nitpicky docs build/docs
	@echo "made: build/docs/index.html"

clean: ## remove the demos' networks, the build folder and the virtual environments
	@if [ -x $(BIN)/werkplaats ]; then for one in $(NETWORK) $(FEDERATION); do $(BIN)/werkplaats destroy $$one --yes || exit 1; done; fi
	@rm -rf build $(VENV) $(DOCS_VENV)

.PHONY: help token pdf demo demo-federation test lint bench soak suite docs clean
