# `make` alone tells what there is. Everything is installed into .venv, from the locks in requirements/.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
LOCK := $(BIN)/uv --no-config pip compile pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-strip-extras --no-annotate --no-emit-index-url --custom-compile-command "make lock" --quiet

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo demo-live dev test test-shared lint format bench bench-scale soak lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: .venv/.runtime ## .venv with the connector: .venv/bin/connector

setup-dev: .venv/.dev ## the same, with the tools that test, lint and lock

demo: setup ## the sample shops through the sandbox, and the three counts compared
	@$(BIN)/connector demo

demo-live: setup ## a shop installed by webhook, its sales in ShopiMind with their events within a minute; takes one to three minutes
	@$(BIN)/python -m assets.demo_live

dev: setup ## the sandbox and the Dagster UI on it, until Ctrl-C; ARGS="--port 3001" for another port
	@$(BIN)/python -m assets.dev $(ARGS)

test: setup-dev ## the test suite, on every core; ARGS="tests/config -k consent" narrows it
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

test-shared: setup-dev ## every test that has a state, with it in PostgreSQL and on object storage; ARGS as above
	@$(BIN)/python -m pytest -n auto --dist loadfile --state postgresql+s3 $(ARGS)

lint: setup-dev ## format, lint and types, changing nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: setup-dev ## rewrites the code as `make lint` wants it
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup-dev ## the measurements that docs/ quotes
	@$(BIN)/python -m tests.bench $(ARGS)

bench-scale: setup-dev ## a year of 155,848 real sales in 457 stores, end to end; ARGS="--until 2017-01-31" for less
	@$(BIN)/python -m tests.bench scale $(ARGS)

soak: setup-dev ## 1,000 schedules of faults, a million records; the figures go into docs/reliability.md; ARGS="--schedules 50" for less, ARGS=--events for triggers
	@$(BIN)/python -m tests.soak $(ARGS)

# runtime.txt comes second and takes dev.txt's versions, so that both locks agree.
lock: setup-dev ## newest versions that pyproject.toml allows, into requirements/
	$(LOCK) --upgrade --group dev --extra completejourney --output-file requirements/dev.txt
	$(LOCK) --upgrade --group build --constraints requirements/dev.txt --output-file requirements/runtime.txt

clean: ## removes what make, the tests and the tools left; keeps .connector and shops.yaml
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .tmp_dagster_home_* dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.created:
	@command -v $(firstword $(PYTHON)) >/dev/null || { \
		echo "make: there is no '$(PYTHON)'. Name a Python 3.11 to 3.14: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' || { \
		echo "make: '$(PYTHON)' is `$(PYTHON) --version 2>&1`; Python 3.11 to 3.14 is needed: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "make: '$(PYTHON)' cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Making .venv with `$(PYTHON) --version`"
	@$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/.runtime: requirements/runtime.txt pyproject.toml .venv/.created
	@echo "Installing requirements/runtime.txt"
	@$(PIP) install --quiet --require-hashes -r requirements/runtime.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.runtime
	@echo "Installing requirements/dev.txt"
	@$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@
