# The workflow. `make run` and `make test` need Python 3.11+ and nothing else.
PYTHON ?= python3
PORT ?= 8000
HOST ?= 127.0.0.1
STOREFRONT_DATA ?= .storefront
export PORT HOST STOREFRONT_DATA
# A shop is half a dozen processes: compiling every module anew in each would take most of their start.
export PYTHONDONTWRITEBYTECODE :=

VENV := .venv
BIN := $(VENV)/bin
# What is installed follows the lock files. uv does it in seconds; where it can't reach the packages, because
# only pip knows the way, pip does it in half a minute.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
define install
	@$(PIP) --require-hashes -r requirements-uv.lock
	@$(UV) --require-hashes -r $(1) || $(PIP) --require-hashes -r $(1)
	@$(PIP) --no-deps --no-build-isolation --editable .
endef
RUN_READY := $(VENV)/.installed-run
DEV_READY := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help run test check bench pictures lock clean

help:  ## say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: $(RUN_READY)  ## set up and run the shop, with stand-ins for what no setting names
	@exec $(BIN)/storefront serve

test: $(DEV_READY)  ## set up and run the tests
	@$(BIN)/python tests/chromium.py
	@$(BIN)/pytest -n 2 --dist loadfile -m 'not alone'
	@$(BIN)/pytest -m alone

check: $(DEV_READY)  ## lint, types, layers
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/pytest -q -n 0 tests/test_architecture.py

bench: $(DEV_READY)  ## measure: pages, orders, import
	@$(BIN)/python -m bench

pictures: $(DEV_READY)  ## take the README's pictures
	@$(BIN)/python tests/chromium.py
	@$(BIN)/python -m bench.pictures

lock: $(DEV_READY)  ## write the lock files anew from pyproject.toml
	@echo uv | $(BIN)/uv pip compile - $(LOCKING) -o requirements-uv.lock
	@$(BIN)/uv pip compile pyproject.toml --extra standins $(LOCKING) -o requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --extra standins --extra dev $(LOCKING) -c requirements.lock -o requirements-dev.lock
LOCKING := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet

clean:  ## remove what was installed and the shop's data
	rm -rf $(VENV) $(STOREFRONT_DATA)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@$(PYTHON) -m venv $(VENV)

$(RUN_READY): requirements.lock requirements-uv.lock pyproject.toml | $(BIN)/python
	@echo 'Setting up (once) ...'
	$(call install,requirements.lock)
	@touch $@

$(DEV_READY): requirements-dev.lock requirements-uv.lock pyproject.toml | $(BIN)/python
	@echo 'Setting up for tests (once) ...'
	$(call install,requirements-dev.lock)
	@touch $@ $(RUN_READY)
