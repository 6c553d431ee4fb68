# The commands of the project; `make` alone lists them. Everything lives in .venv and is installed once.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo train-tagger train-tiny-lm evaluate bench-refine test test-fast test-spark check format bench-ingest bench-apply clean

help:  ## list the commands
	@awk -F ":.*  ## " '/^[a-z-]+:.*  ## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.installed  ## refine the sample of real web pages, from nothing, in a few minutes
	@$(BIN)/prox-spark demo

test: check  ## everything: check, then all tests
	@$(BIN)/python -m pytest

test-fast: $(VENV)/.installed-dev  ## the tests that need no Spark, in seconds
	@$(BIN)/python -m pytest -m "not spark and not gpu"

test-spark: $(VENV)/.installed-dev  ## the tests on a local Spark session
	@$(BIN)/python -m pytest -m spark

check: $(VENV)/.installed-dev  ## format, lint, types, and the import contract
	@$(BIN)/ruff format --check --quiet . || { echo "make format puts these files right"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.installed-dev  ## put formatting and imports right
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

bench-ingest: $(VENV)/.installed  ## ingest in MB a second, beside plain Spark writing the same records
	@$(BIN)/python tests/bench/bench_ingest.py

bench-refine: $(VENV)/.installed  ## refine with the tagger in pages a second
	@$(BIN)/python tests/bench/bench_refine.py

train-tagger: $(VENV)/.installed-dev  ## make the weights that ship, from their recipe
	@$(BIN)/prox-spark train conf/train-tagger.yaml

train-tiny-lm: $(VENV)/.installed-dev  ## make the small language model, from its recipe
	@$(BIN)/prox-spark train conf/train-tiny-lm.yaml

evaluate: $(VENV)/.installed  ## score the engine beside the rules on the labelled pages of DATA
	@$(BIN)/prox-spark evaluate $(DATA)

bench-apply: $(VENV)/.installed  ## apply in documents a second
	@$(BIN)/python tests/bench/bench_apply.py

clean:  ## remove the environment and everything that was built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis demo-lake

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "prox_spark needs Python 3.10 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1 || echo missing):" \
	    "name another one, as in make demo PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"; \
	  rm -rf $(VENV); exit 1; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing prox_spark into $(VENV), 600 MB, a few minutes the first time"
	@$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "installing what the tests need into $(VENV), 5 GB because of torch, once"
	@$(PIP) install -c constraints.txt -e ".[dev,hf]"
	@touch $@
