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
define install-apart
	@$(PYTHON) -m venv $(1)
	@$(BIN)/uv pip install --quiet --python $(1)/bin/python --require-hashes -r $(2) \
	  || $(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(2)
	@touch $(1)/.installed
endef
RUN_READY := $(VENV)/.installed-run
DEV_READY := $(VENV)/.installed-dev
# The emulator of AWS pins another botocore than ours, so it lives in an environment of its own.
EMULATOR := .venv-emulator
EMULATOR_READY := $(EMULATOR)/.installed
# So does Patroni, with an engine of DynamoDB that is quick enough for fifty shoppers.
CLUSTER := .venv-cluster
CLUSTER_READY := $(CLUSTER)/.installed

.DEFAULT_GOAL := help
.PHONY: help run test prove prove-faults prove-cluster check hooks bench bench-million pictures image builder deploy-check lock clean

help:  ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(RUN_READY)  ## set up and run the shop, with stand-ins for what no setting names
	@exec $(BIN)/storefront serve

test: $(DEV_READY)  ## set up and run the tests
	@$(BIN)/python tests/support/chromium.py
	@$(BIN)/pytest -n 3 --dist loadfile -m 'not alone and not prove'
	@$(BIN)/pytest -m 'alone and not prove'

prove: prove-faults deploy-check prove-cluster  ## the long proofs: faults, races, failover, deployment

prove-faults: $(DEV_READY)  ## the long tests alone: stores that fail over, hang and lose what they said
	@$(BIN)/pytest -n 2 --dist loadfile -m 'prove and not alone'
	@$(BIN)/pytest -n 0 -s -m 'prove and alone'

prove-cluster: $(DEV_READY) $(CLUSTER_READY)  ## three databases, three web processes, two workers lose each other
	@$(BIN)/pytest -q -n 0 -s -rs tests/prove/prove_cluster.py

check: $(DEV_READY)  ## lint, types, layers, pages
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/djlint --lint --quiet templates
	@if [ -x $(BIN)/biome ]; then $(BIN)/biome ci --colors=off; fi
	@$(BIN)/cfn-lint deploy/*.yaml
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/pytest -q -n 0 tests/test_architecture.py tests/test_dead_code.py tests/test_documents.py tests/test_front_end.py

hooks: $(DEV_READY)  ## run the quick checks before every commit
	@$(BIN)/pre-commit install

bench: $(DEV_READY)  ## measure: pages, orders, import
	@$(BIN)/python -m bench

bench-million: $(DEV_READY)  ## measure a million products beside ten thousand; some minutes
	@$(BIN)/python -m bench.million

pictures: $(DEV_READY)  ## take the README's pictures
	@$(BIN)/python tests/support/chromium.py
	@$(BIN)/python -m bench.pictures

# The image is built by whichever of these is there; none of them is needed for anything else.
BUILDER := $(firstword $(foreach one,docker podman buildah,$(if $(shell command -v $(one)),$(one))))
VERSION = $(shell git describe --always --dirty)
image: builder deploy/rds/global-bundle.pem  ## build the image that runs on AWS, storefront:<commit>
	@$(BUILDER) build --tag storefront:$(VERSION) --build-arg VERSION=$(VERSION) \
	  --build-arg REVISION=$$(git rev-parse HEAD) --build-arg CREATED=$$(date -u +%Y-%m-%dT%H:%M:%SZ) .

builder:
	@test -n '$(BUILDER)' || { echo 'make image needs docker, podman or buildah, and none of them is here' >&2; exit 1; }

# Whom Aurora's certificates are signed by. Commit it: it is looked at when it changes.
deploy/rds/global-bundle.pem:
	@mkdir -p $(@D)
	@curl --fail --silent --show-error --output $@ https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem

deploy-check: $(DEV_READY) $(EMULATOR_READY)  ## prove what can be proven of deploy/ without an account
	@$(BIN)/cfn-lint deploy/*.yaml
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/pytest -q -n 0 tests/deploy
	@$(BIN)/pytest -q -n 0 -rA tests/deploy/prove_emulator.py

lock: $(DEV_READY)  ## write the lock files anew from pyproject.toml; UPGRADE=--upgrade for newer ones
	@echo uv | $(BIN)/uv pip compile - $(LOCKING) -o requirements-uv.lock
	@$(BIN)/uv pip compile pyproject.toml --extra standins $(LOCKING) -o requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --extra otel $(LOCKING) -c requirements.lock -o requirements-prod.lock
	@$(BIN)/uv pip compile pyproject.toml --extra standins --extra otel --extra dev $(LOCKING) -c requirements.lock -o requirements-dev.lock
	@echo 'ministack~=1.5' | $(BIN)/uv pip compile - $(LOCKING) -o requirements-deploy.lock
	@printf '%s\n' 'patroni[etcd3]~=4.1.5' 'psycopg[binary]~=3.3' 'ministack~=1.5' \
	  | $(BIN)/uv pip compile - $(LOCKING) -o requirements-cluster.lock
LOCKING := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet $(UPGRADE)

clean:  ## remove what was installed and the shop's data
	rm -rf $(VENV) $(EMULATOR) $(CLUSTER) $(STOREFRONT_DATA)

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

$(EMULATOR_READY): requirements-deploy.lock | $(DEV_READY)
	@echo 'Setting up the emulator of AWS (once) ...'
	$(call install-apart,$(EMULATOR),$<)

$(CLUSTER_READY): requirements-cluster.lock | $(DEV_READY)
	@echo 'Setting up Patroni (once) ...'
	$(call install-apart,$(CLUSTER),$<)
