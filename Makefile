# What one may do here. `make help` lists it.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help run test check bench interop fuzz crash stream dist deb image lock clean
.DEFAULT_GOAL := help

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

$(VENV)/.run: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(BIN)/python tests/support/requirements.py)
	@touch $@

run: $(VENV)/.run ## Start an appliance on loopback ports, with data in ./var
	@$(BIN)/python -m mailserver demo --directory var

test: $(VENV)/.test ## Install what the tests drive, then run every check and every test
	@tests/support/packages.sh
	$(MAKE) --no-print-directory lint
	@$(BIN)/python -m compileall -q mailserver tests  # hundreds of servers and commands are started, each from these
	@tests/support/side_by_side.sh $(BIN)/python

.PHONY: lint
lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

check: lint ## Lint, types, import contracts, architecture and unit tests
	$(BIN)/python -m pytest -q tests/architecture tests/unit

interop: $(VENV)/.test ## Only the tests that drive other vendors' programs
	@tests/support/packages.sh
	$(BIN)/python -m pytest tests/interop

fuzz: $(VENV)/.test ## Feed the parsers with generated input, for longer than the tests do
	MAILSERVER_FUZZ=long $(BIN)/python -m pytest --timeout=0 tests/fuzz tests/integration/test_jmap_sync.py tests/interop/test_openapi_fuzz.py

crash: $(VENV)/.test ## Kill the server again and again under load and account for every message
	$(BIN)/python -m tests.crash --cycles 100

stream: $(VENV)/.test ## Tell a socket and a webhook of 10,000 events, under load and over a server that is killed
	MAILSERVER_STREAM_EVENTS=10000 $(BIN)/python -m pytest -s tests/interop/test_agentmail_stream.py

bench: $(VENV)/.test ## Measure against Postfix and the bare libraries, side by side
	@tests/support/packages.sh
	$(BIN)/python -m bench

# Built again from the same commit, every package is the same to the last byte.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || date +%s)

$(VENV)/.release: pyproject.toml $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "build>=1.2" "uv>=0.9"
	@touch $@

dist: $(VENV)/.release ## Build the wheel and the source distribution into dist/
	$(BIN)/python -m build --outdir dist

deb: $(VENV)/.run ## Build the Debian package into dist/, for the release of Debian or Ubuntu that this is
	$(BIN)/python packaging/build_deb.py --output dist

.PHONY: deb-test
deb-test: $(VENV)/.test ## Try the package on a machine to throw away, and have lintian read it
	DEB_TEST=1 $(BIN)/python -m pytest -q tests/integration/test_deb.py tests/integration/test_containerfile.py tests/integration/test_container.py

.PHONY: machine-test
machine-test: $(VENV)/.test deb ## Install the package on a Debian in qemu that boots systemd, set it up, and cut its power
	$(BIN)/python -m tests.machine

image: ## Build the container image with podman, buildah or docker
	packaging/build_image.sh

lock: $(VENV)/.release ## Lock the dependencies anew: requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command "make lock" --output-file requirements.lock $(UPGRADE) pyproject.toml

clean: ## Remove the virtual environment and the demo data
	rm -rf $(VENV) var
