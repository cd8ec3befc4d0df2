# Everything one does with Rookery. `make up` and `make test` each set up what they need, from a bare Debian 12 on.

VENV    := .venv
BIN     := $(VENV)/bin
PYTHON  ?= python3
PIP     := $(BIN)/python -m pip --disable-pip-version-check --quiet
UI      := src/rookery/panel/static/.built
# Recordings of the original programs and their players, for `replay-panel` and `replay-wings`.
CONFORMANCE ?= ../shared/conformance
# The UI's tools want a newer Node than Debian's; the one in the virtual environment is used for all of them.
NODE    := PATH="$(CURDIR)/$(BIN):$$PATH"
UI_SOURCES = $(shell find ui -path ui/node_modules -prune -o -path ui/dist -prune -o -type f -print 2>/dev/null)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: build docs help setup up down status test test-fast replay-panel replay-wings check format bench screens images lock clean

help:  ## list what one can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.dev $(UI)  ## set everything up for running and developing; start nothing

build: $(VENV)/.run $(UI)  ## set up what running needs: locked dependencies and the browser interface

up: $(VENV)/.run $(UI)  ## set up what is missing, then run Panel and node (options by environment: README)
	@$(BIN)/rookery up $(ARGS)

down: $(VENV)/.run  ## stop what `make up ARGS=--detach` started
	@$(BIN)/rookery down

status: $(VENV)/.run  ## show what runs
	@$(BIN)/rookery status

test: setup  ## set everything up, then run all tests, with a real engine and a real browser
	@tests/run all

test-fast: setup  ## the tests that need neither engine nor browser: about a minute
	@tests/run fast

replay-panel: setup  ## play recorded exchanges of the original Panel against ours (CONFORMANCE, GOLDEN, DATABASE)
	@CONFORMANCE='$(abspath $(CONFORMANCE))' GOLDEN='$(GOLDEN)' $(BIN)/python tests/compat/replay_panel.py

replay-wings: setup  ## play recorded scenarios of the original daemon against ours, with an engine (SCENARIOS, GOLDEN, ONLY)
	@$(BIN)/rookery images --recipes tests/compat/games/images build base python_probe
	@$(BIN)/python $(CONFORMANCE)/kit/play.py compare \
		--scenarios $(or $(SCENARIOS),$(CONFORMANCE)/kit/scenarios) --golden $(or $(GOLDEN),$(CONFORMANCE)/wings) \
		--wings '$(CURDIR)/$(BIN)/rookery wings run --config {config}' --cli '$(CURDIR)/$(BIN)/rookery wings' \
		--allow tests/compat/wings-allowed.txt $(foreach name,$(ONLY),--only '$(name)')

check: setup  ## format, lint, types, import rules, and the UI's own checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	cd ui && $(NODE) npm run check

docs: $(VENV)/.dev  ## write the pages of the manual that come from the code
	$(BIN)/python docs/reference/settings.py
	$(BIN)/python docs/reference/node.py

format: $(VENV)/.dev  ## put all Python files into the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup  ## measure, each time beside a bare yardstick in the same run
	$(BIN)/python -m bench

screens: setup  ## pictures of every page, dark and light, desktop and phone, into screens/
	$(BIN)/python -m tests.e2e.screens screens

images: $(VENV)/.run  ## build the container images of the bundled eggs on this machine
	$(BIN)/rookery images build

LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --quiet
lock: $(VENV)/.dev  ## resolve the dependencies of pyproject.toml anew into the lock files
	$(PIP) install uv
	$(LOCK) pyproject.toml --extra panel --extra wings -o requirements.lock
	$(LOCK) pyproject.toml --extra panel --extra wings --group dev -o requirements-dev.lock
	printf 'editables\nhatchling\nnodejs-wheel>=24\n' | $(LOCK) - -c requirements-dev.lock -o requirements-build.lock

clean:  ## remove what was built here; instances and their data stay
	rm -rf $(VENV) ui/node_modules src/rookery/panel/static build dist screens

# Stamps: each says that what it is made from has been carried out.
$(VENV)/.made:
	@echo "Making the virtual environment."
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || deploy/install-packages python3 python3-venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Rookery needs Python 3.11 or newer; set PYTHON=python3.x." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made requirements.lock requirements-build.lock pyproject.toml
	@echo "Installing the locked dependencies."
	@$(PIP) install --require-hashes -r requirements.lock -r requirements-build.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@echo "Installing the locked tools for tests and checks."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

ui/node_modules/.ready: ui/package-lock.json $(VENV)/.run
	@echo "Installing the tools of the browser interface."
	@cd ui && $(NODE) npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(UI): ui/node_modules/.ready $(UI_SOURCES)
	@echo "Building the browser interface."
	@cd ui && $(NODE) npm run --silent build
	@touch $@
