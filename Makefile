# What can be done here. Everything happens in .venv, made on first use; `make clean` takes it away.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 5
# the pip that is there installs into .venv: Debian's Python cannot put one into it without a further package
PIP := $(PYTHON) -m pip --python $(BIN)/python --quiet --disable-pip-version-check install --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help env demo stack test influxd check format bench bench-detection bench-influxdb dashboards docs-figures faults long soak seeds clean

help: ## say what can be done
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(BIN)/soakwatch: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "soakwatch needs Python 3.11 or newer; try make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv --without-pip $(VENV)
	$(PIP) --editable .
	@touch $@

$(VENV)/dev: $(BIN)/soakwatch
	$(PIP) $$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"])')
	@touch $@

demo: $(BIN)/soakwatch ## a healthy run, a run with two faults, and what soakwatch says of them (about a minute)
	$(BIN)/soakwatch demo

env: ## write .env with new secrets, for `docker compose up`; one that is there is left alone
	$(PYTHON) docker/make_env.py

stack: $(VENV)/dev env ## what `docker compose up` starts, as plain processes without Docker and Grafana, until Ctrl-C (needs `make influxd` once)
	$(BIN)/python docker/compose_stack.py

test: $(VENV)/dev ## all tests, with real Locust processes, with a real InfluxDB once `make influxd` has built one, and a real PostgreSQL where there is one
	$(BIN)/pytest -m 'processes and not alone and not long' --numprocesses $(WORKERS)
	$(BIN)/pytest -m 'not processes and not alone and not long' --numprocesses 3
	$(BIN)/pytest -m 'alone and not long' --numprocesses 2 --dist loadscope

long: $(VENV)/dev ## tests that take minutes: a month of the daemon's life, two daemons for ten days, what power predicts (half an hour)
	$(BIN)/pytest -m long --numprocesses 2

influxd: ## build the InfluxDB of the tests (five to ten minutes, once; needs Go, Rust, gcc and pkg-config)
	tests/install-influxd

check: $(VENV)/dev ## may a change stay: format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks docker docs tests
	$(BIN)/lint-imports

format: $(VENV)/dev ## format and mend what can be mended by itself
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: export OMP_NUM_THREADS = 1
bench: $(VENV)/dev ## what the collector and detection cost, against floors measured in the same run (a quarter of an hour)
	$(BIN)/python benchmarks/hook.py
	$(BIN)/python benchmarks/flush.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/cpu_per_request.py
	$(BIN)/python benchmarks/changepoint.py
	$(BIN)/python benchmarks/backtest.py --short
	$(BIN)/python benchmarks/tick.py --short

bench-detection: export OMP_NUM_THREADS = 1
bench-detection: $(VENV)/dev ## false incidents, how soon regressions are found, and what that costs (an hour)
	$(BIN)/python benchmarks/detection.py
	$(BIN)/python benchmarks/power.py
	$(BIN)/python benchmarks/backtest.py
	$(BIN)/python benchmarks/tick.py

bench-influxdb: $(VENV)/dev influxd ## bytes, writing and reading of the InfluxDB store, against a bare client, and dashboards over a month (40 minutes)
	$(BIN)/python benchmarks/influxdb_wire.py
	$(BIN)/python benchmarks/influxdb_write.py
	$(BIN)/python benchmarks/influxdb_read.py
	$(BIN)/python benchmarks/dashboards.py

dashboards: $(BIN)/soakwatch ## write the files of the dashboards anew, from the code that makes them
	$(BIN)/python -m soakwatch.grafana.catalogue

docs-figures: export OMP_NUM_THREADS = 1
docs-figures: $(VENV)/dev ## draw the pictures of docs/detection.md anew, and write what happened in them (a minute)
	$(BIN)/python docs/detection_figures.py

faults: $(VENV)/dev ## every fault in full length, and what it costs a test (half an hour; needs `make influxd` once)
	SOAKWATCH_TEST_FAULTS=full $(BIN)/pytest tests/test_faults.py --numprocesses $(WORKERS)
	$(BIN)/python benchmarks/faults.py

soak: $(VENV)/dev ## the long job: twenty minutes of soak in which everything goes wrong once, and the balance (needs `make influxd` once)
	$(BIN)/python tests/long_job.py

seeds: $(BIN)/soakwatch ## 20 demos with 20 seeds, and 30 healthy pairs (an hour)
	$(BIN)/python benchmarks/demo_seeds.py

clean: ## remove what was made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis soakwatch-demo soakwatch-stack
