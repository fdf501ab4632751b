# The two commands to know: `make demo` and `make test`. `make check` is what CI runs.
# Everything lives in .venv; stamp files there make second runs start in seconds.
# A machine with CUDA gets the registry's CUDA build of torch, one that offers a CPU build gets that: same versions.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000

# Both names: older pip passes PIP_CONSTRAINT on to isolated builds, newer pip reads PIP_BUILD_CONSTRAINT there.
INSTALL := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
	$(BIN)/python -m pip install --quiet

# Three at a time on two cores, since many wait for a camera, a browser or a clock. What lies in a folder `alone` holds
# times against each other and comes afterwards, one by one; both in any case. Where a few tests fail they are run a
# second time, and that answer counts (tests/support/twice.py). $(1) is what measures coverage.
PYTEST := $(BIN)/python -m pytest
TWICE := $(BIN)/python -m tests.support.twice
TESTS = $(TWICE) $(1) -- -n 3 --dist worksteal --ignore-glob='*/alone/*'; first=$$?; \
	$(TWICE) $(if $(1),$(1) --cov-append) -- tests/*/alone && exit $$first
COVERAGE := --cov --cov-report= --cov-fail-under=0

RUN_INSTALLED := $(VENV)/.installed-run
DEV_INSTALLED := $(VENV)/.installed-dev

.PHONY: help demo serve test test-unit test-slow check format lint types collected installed audit bench gpu clean

help:
	@echo "make demo       start the server with the embedded model and the synthetic camera"
	@echo "make serve      start the server alone"
	@echo "make test       run the tests"
	@echo "make test-unit  run the tests of single modules (under two minutes)"
	@echo "make test-slow  run the slow ones (full-size model on the CPU, minutes)"
	@echo "make check      format check, lint, imports, types, tests"
	@echo "make format     rewrite the sources in the project's format"
	@echo "make audit      ask for known weaknesses of what constraints.txt pins (needs the internet)"
	@echo "make bench      print the first figures of docs/figures.md"
	@echo "make gpu        on a machine with a GPU: all figures of it, kept in the folder gpu"
	@echo "make clean      remove .venv and all caches"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed; '$(PYTHON)' is: $$($(PYTHON) --version 2>&1 || true)"; \
		echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "No virtual environment could be made. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

$(RUN_INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV) (about 2 GB where torch comes without CUDA, more with it) ..."
	@$(INSTALL) --editable .
	@touch $@

$(DEV_INSTALLED): $(RUN_INSTALLED)
	@echo "Installing what the tests need ..."
	@$(INSTALL) --editable '.[dev,cluster]'
	@$(INSTALL) --no-deps trackeval  # it asks for OpenCV with windows, which would overwrite the headless one
	@touch $@

installed: $(DEV_INSTALLED)

demo: $(RUN_INSTALLED)
	$(BIN)/streamer demo --port $(PORT)

serve: $(RUN_INSTALLED)
	$(BIN)/streamer serve --port $(PORT)

test: $(DEV_INSTALLED)
	@$(call TESTS)

test-unit: $(DEV_INSTALLED)
	$(PYTEST) -n 2 --dist worksteal tests/unit

test-slow: $(DEV_INSTALLED)
	$(PYTEST) -m slow

check: $(DEV_INSTALLED)
	@$(MAKE) --no-print-directory --jobs=2 types lint collected
	@$(call TESTS,$(COVERAGE))
	$(BIN)/coverage report

format: $(DEV_INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .

lint: $(DEV_INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry streamer tracker

types: $(DEV_INSTALLED)
	$(BIN)/mypy

# Finds the tests, and so compiles what they import: once, while mypy has the other core, and not in three at a time.
collected: $(DEV_INSTALLED)
	@$(PYTEST) --collect-only --quiet --quiet >$(VENV)/collected || { cat $(VENV)/collected; exit 1; }

# In an environment of its own: what it needs must not change what is audited. --strict: what is not found is an error.
audit: | $(BIN)/python
	@$(BIN)/python -m venv $(VENV)/audit
	@$(VENV)/audit/bin/pip install --quiet pip-audit
	$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt \
		$(shell sed -n 's/^\([A-Z][A-Za-z0-9-]*\) .*/--ignore-vuln \1/p' .ci/audit-ignored)

bench: $(DEV_INSTALLED)
	$(BIN)/python -m benchmarks.first_light

gpu: $(DEV_INSTALLED)
	$(BIN)/python -m benchmarks.gpu_visit

clean:
	rm -rf $(VENV) .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find streamer tracker tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
