# What a contributor types; CONTRIBUTING.md says more. Needs GNU make 4, a POSIX shell and Python 3.11 or 3.12.

PYTHON ?= python3
POETRY ?= poetry
DOCKER ?= docker
IMAGE ?= sekoia-event-export

# What the requirements files hold beside the base: every extra but spark.
EXTRAS := playbook analysis keyring
VENV := .venv
RUN := $(VENV)/bin/python
PIP_INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check --no-input
# What a test run leaves behind. The path is absolute: processes with other working directories write there too.
REPORTS := $(CURDIR)/build/reports

# The browser that opens the page of a report in the tests.
BROWSER := chromium
SPARK_PACKAGES := default-jre-headless
CEPH_PACKAGES := ceph-mon ceph-osd radosgw ceph-common

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install demo test browser spark test-ceph test-spark check manifests lock image session bench clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(VENV)/.installed ## Put everything, sekoia-export included, into .venv; instant when nothing changed

demo: $(VENV)/.installed-runtime ## Run the chain of actions against the simulator, as the playbook engine does
	@$(RUN) -m sekoia_export.cli demo

test: install browser spark ## Run everything that CI runs: make check, then the tests with their coverage
	@$(MAKE) --no-print-directory check
	@rm -rf '$(REPORTS)' && mkdir -p '$(REPORTS)'
	COVERAGE_FILE='$(REPORTS)/coverage' $(RUN) -m coverage run -m pytest -n auto --ignore=tests/analysis/spark \
		--junitxml='$(REPORTS)/junit.xml'
	COVERAGE_FILE='$(REPORTS)/coverage' $(RUN) -m coverage run -m pytest -n 0 tests/analysis/spark \
		--junitxml='$(REPORTS)/spark.xml'
	@COVERAGE_FILE='$(REPORTS)/coverage' $(RUN) -m coverage combine --quiet
	@COVERAGE_FILE='$(REPORTS)/coverage' $(RUN) -m coverage report
	@$(RUN) .ci/summary.py '$(REPORTS)/junit.xml' '$(REPORTS)/spark.xml'

# Where it cannot be had, the tests that need it are skipped, and say so.
browser:
	@type $(BROWSER) >/dev/null 2>&1 || { \
		test "$$(id -u)" = 0 && type apt-get >/dev/null 2>&1 && echo "Installing $(BROWSER)" && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(BROWSER) >/dev/null; } || \
		echo "No $(BROWSER) here, and root could not install it with apt-get: the tests in a browser are skipped." >&2

# Likewise. The JRE and PySpark, 45 and 450 MB to fetch, are only for the tests of the engine spark.
spark: install
	@type java >/dev/null 2>&1 || { \
		test "$$(id -u)" = 0 && type apt-get >/dev/null 2>&1 && echo "Installing $(SPARK_PACKAGES)" && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(SPARK_PACKAGES) >/dev/null; } || \
		echo "No java here, and root could not install it with apt-get: the tests on Spark are skipped." >&2
	@! type java >/dev/null 2>&1 || test $(VENV)/.installed-spark -nt requirements-spark.txt || { \
		echo "Installing PySpark into $(VENV)" && $(PIP_INSTALL) --require-hashes --requirement requirements-spark.txt && \
		touch $(VENV)/.installed-spark; } || echo "PySpark could not be installed: the tests on Spark are skipped." >&2

test-spark: spark ## Run the tests of the engine spark alone, on a local cluster with two workers
	$(RUN) -m pytest -n 0 tests/analysis/spark

test-ceph: install ## Run the tests against real storage with Ceph's S3 instead of SeaweedFS; needs root or Debian's Ceph packages
	@type ceph-mon ceph-osd radosgw radosgw-admin ceph >/dev/null 2>&1 || { \
		test "$$(id -u)" = 0 && type apt-get >/dev/null 2>&1 && echo "Installing $(CEPH_PACKAGES)" && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(CEPH_PACKAGES) >/dev/null; } || { \
		echo "make test-ceph needs $(CEPH_PACKAGES) of Debian, which root can have it install with apt-get." >&2; exit 1; }
	S3_SERVER=ceph $(RUN) -m pytest -n 2 tests/real_storage

check: install ## Check style, types, the direction of imports and the generated files, in seconds, without tests
	$(RUN) -m ruff check --quiet .
	$(RUN) -m ruff format --check --quiet .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports --no-logo
	$(RUN) -m sekoia_export.manifests --check

manifests: install ## Write the manifests, docs/actions.md and docs/cli.md from the code
	$(RUN) -m sekoia_export.manifests

lock: ## Resolve the dependencies anew: poetry.lock and the two requirements files
	@$(POETRY) export --help >/dev/null 2>&1 || { \
		echo "make lock needs Poetry and its export plugin: pipx install poetry && pipx inject poetry poetry-plugin-export" >&2; \
		exit 1; }
	$(POETRY) lock
	$(POETRY) export --without-urls --extras "$(EXTRAS)" --output requirements.txt
	$(POETRY) export --without-urls --extras spark --output requirements-spark.txt
	$(POETRY) export --without-urls --extras "$(EXTRAS)" --with dev --output requirements-dev.txt

image: ## Build the container image the playbook engine runs
	$(DOCKER) build --tag $(IMAGE) .

session: install ## Record docs/session.svg, the session in a terminal that the README shows
	$(RUN) docs/record_session.py

bench: install ## Run every benchmark and print its table
	@for script in benchmarks/[a-z]*.py; do echo; echo "== $$script"; $(RUN) "$$script" || exit 1; done

clean: ## Remove whatever these commands made, .venv and the demo's files included
	rm -rf $(VENV) build dist demo .coverage* .mypy_cache .ruff_cache .hypothesis .import_linter_cache .pytest_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is newer than what was installed from. The development requirements contain the runtime's, hence two stamps at once.
$(VENV)/.installed: requirements-dev.txt pyproject.toml | $(RUN)
	@echo "Installing the development requirements into $(VENV)"
	@$(PIP_INSTALL) --require-hashes --requirement requirements-dev.txt
	@$(PIP_INSTALL) --no-deps --editable .
	@touch $(VENV)/.installed-runtime $@

$(VENV)/.installed-runtime: requirements.txt | $(RUN)
	@echo "Installing the requirements into $(VENV)"
	@$(PIP_INSTALL) --require-hashes --requirement requirements.txt
	@touch $@

# A half-made environment (Debian without python3-venv) is removed, so that the next try starts over.
$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' || { \
		echo "Python 3.11 or 3.12 is needed, $(PYTHON) is another: name one with make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
