# Everything that a newcomer, a contributor and CI run. Each target builds its own
# environment first: a Python >= 3.11 (PYTHON=...), make and a package registry suffice.

PYTHON ?= python3
# Tests at a time; each uses one thread. 0 runs them in one process.
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .tools
# The uv that is on PATH, or the one that the rule below installs here.
UV := $(or $(shell command -v uv 2>/dev/null),$(TOOLS)/bin/uv)
# Never fetch an interpreter: the one that was asked for is the one that is used.
export UV_PYTHON_DOWNLOADS := never
# Keep compiled bytecode whatever the caller's habit: without it each of the many processes
# that tests and docs start compiles torch anew.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
STAMP := $(VENV)/.installed-

.PHONY: help demo test check precisions lint docs requirements clean
.DELETE_ON_ERROR:

help:
	@echo "make demo          train, unlearn, compare; leaves runs/demo/report.html"
	@echo "make test          all tests but those of the next line and of docs"
	@echo "make precisions    tests of whole runs, in float32 and in bfloat16"
	@echo "make check         lint and the fast tests, for every edit"
	@echo "make lint          ruff, mypy and the directions of imports"
	@echo "make docs          the documentation, into site/, and all that it tells to run"
	@echo "make requirements  renew the pins in requirements/"
	@echo "make clean         remove the environment and everything that was built"

demo: $(STAMP)run
	$(BIN)/expunge demo

PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) --dist worksteal
# Counting what is covered takes time, so it is asked for: make test COVERAGE=1
COUNTED := $(if $(COVERAGE),--cov=expunge --cov-branch --cov-report=term:skip-covered --cov-fail-under=95)

# Whole runs, by `make precisions`: what "auto" chooses differs between machines, and so a
# fault of either precision shows on each.
WHOLE := tests/unit/test_precision.py tests/unit/methods/test_repair_memory.py \
  $(addprefix tests/integration/test_,erase.py generator_demo.py language_run.py \
  regression_run.py workflow_run.py)
# What the pages tell readers to run, by `make docs`.
PAGES := tests/docs/test_blocks.py tests/docs/test_plugins.py

test: $(STAMP)dev
	$(PYTEST) $(COUNTED) $(addprefix --ignore=,$(WHOLE) $(PAGES))

precisions: $(STAMP)dev
	EXPUNGE_PRECISION=fp32 $(PYTEST) $(WHOLE)
	EXPUNGE_PRECISION=bf16 $(PYTEST) $(WHOLE)

check: lint
	$(PYTEST) -m "not slow" tests/unit tests/property

lint: $(STAMP)dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP)docs $(STAMP)dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	$(PYTEST) $(PAGES)

# A stamp is younger than what it was made from, or its packages are installed again.
$(STAMP)%: requirements/%.txt requirements/build.txt pyproject.toml | $(BIN)/python
	$(INSTALL) -r $<
	$(INSTALL) --no-deps --build-constraints requirements/build.txt --editable .
	@touch $@

$(BIN)/python: | check-python $(UV)
	$(UV) venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $(VENV)

.PHONY: check-python
check-python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "expected a Python >= 3.11 called '$(PYTHON)', found none;" \
	    "install one, or name yours: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "expected Python >= 3.11, found $$($(PYTHON) -V 2>&1);" \
	    "name a newer one: make PYTHON=/path/to/python3" >&2; exit 1; }

# pip --target needs no permission of the system's Python; a Python without pip can often
# still make a virtual environment that has one.
$(TOOLS)/bin/uv: | check-python
	@if $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	  $(PYTHON) -m pip install -qq --disable-pip-version-check \
	    --target $(TOOLS) --upgrade uv; \
	elif $(PYTHON) -m venv $(TOOLS)/pip >/dev/null 2>&1; then \
	  $(TOOLS)/pip/bin/python -m pip install -qq --disable-pip-version-check \
	    --target $(TOOLS) --upgrade uv; \
	else \
	  echo "expected uv, or a Python with pip or venv, found neither;" \
	    "install uv, or your system's python3-venv package" >&2; exit 1; \
	fi

COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --no-annotate \
  --custom-compile-command "make requirements" pyproject.toml --extra models --extra data \
  --extra tuning --extra explain --extra diffusion

# The largest set first: what the tests install bounds the others, so that all three agree.
requirements: | $(UV)
	$(COMPILE) --upgrade --extra nudity --group dev -o requirements/dev.txt
	$(COMPILE) --upgrade --constraints requirements/dev.txt -o requirements/run.txt
	$(COMPILE) --upgrade --group docs --constraints requirements/dev.txt -o requirements/docs.txt
	echo hatchling | $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 \
	  --no-annotate --custom-compile-command "make requirements" - -o requirements/build.txt

clean:
	rm -rf $(VENV) $(TOOLS) site dist htmlcov .coverage .pytest_cache .mypy_cache .ruff_cache \
	  .hypothesis .import_linter_cache
