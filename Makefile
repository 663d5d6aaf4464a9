# Needs CPython 3.11 or newer, pip and make; everything else goes into .venv.
# PYTHON=/path/to/python3 chooses the interpreter, ARGS='-k word' goes to pytest.

.PHONY: help demo lab test servers known test-servers test-all soak bench lint clean
.DEFAULT_GOAL := help

BIN := .venv/bin
# uv resolves in seconds what takes pip minutes, for the cloud stores pin each other tightly; pip knows pip.conf.
UV := VIRTUAL_ENV="$(CURDIR)/.venv" UV_LINK_MODE=copy $(BIN)/uv pip install -q
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
# Most tests wait for something: four processes share them, each file in one of them. They make each other late now and
# then; what fails for that is tried again, and listed as such.
SHARED := -n 4 --dist loadfile --no-loadscope-reorder --reruns 2

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

# One stamp for each set of requirements; a changed pyproject.toml installs anew.
.venv/.with-%: pyproject.toml
	@sh tools/venv.sh
	@echo "installing nbxfer[$*] into .venv"
	@$(UV) -e '.[$*]' 2>/dev/null || $(PIP) -e '.[$*]'
	@touch $@

demo: .venv/.with-demo ## a download whose kernel is killed half-way, in under a minute
	@$(BIN)/nbxfer demo

lab: .venv/.with-lab ## JupyterLab with the quickstart
	$(BIN)/jupyter lab $$([ "$$(id -u)" != 0 ] || echo --allow-root) notebooks/01_first_transfer.ipynb

test: ## everything that a change must pass
	@$(MAKE) -j3 -O lint servers $(if $(ARGS),,known)
	$(BIN)/python -m coverage erase
	$(PYTEST) $(if $(ARGS),,$(SHARED)) --cov --cov-report= $(ARGS)
	@$(if $(ARGS),:,sh tools/coverage.sh)

servers: ## what the tests talk to besides Python, installed where it may
	@sh tools/servers.sh

# Beside what mostly waits: the tests are read and compiled once, and not by four processes at a time.
known: .venv/.with-dev ## the tests, read and compiled
	@$(PYTEST) --collect-only -q >/dev/null || true # why it fails is said by the run itself

test-servers: .venv/.with-dev ## against real stores, servers and emulators that `make test` leaves out
	@sh tools/servers.sh heavy
	@$(MAKE) -s ".venv/.with-dev,servers" || echo "some emulators could not be installed; their tests are skipped"
	$(PYTEST) -m heavy $(if $(ARGS),,$(SHARED)) $(ARGS)

test-all: .venv/.with-dev ## the tests on every Python found of 3.11, 3.12 and 3.13
	@sh tools/servers.sh
	$(BIN)/nox -- $(ARGS)

soak: .venv/.with-dev ## the slow proofs: a crash at every system call, and the like
	@sh tools/servers.sh soak
	$(PYTEST) -m soak --timeout 3600 $(ARGS)

# bench_peers.py asks what these ask, beside more peers; they are for a quick look while one works on it.
LOOKS := %/bench_peers.py %/bench_download.py %/bench_many.py

bench: .venv/.with-bench ## the figures, beside those of other tools; ARGS='--quick' shows in a minute that it works
	@sh tools/peers.sh
	@$(if $(ARGS),:,for file in $(filter-out $(LOOKS),$(wildcard tests/benchmarks/bench_*.py)); do \
		echo "== $$file"; PYTHONPATH=. $(BIN)/python $$file || exit 1; done)
	PYTHONPATH=. $(BIN)/python tests/benchmarks/bench_peers.py $(ARGS)

lint: .venv/.with-dev ## ruff, mypy --strict, and the floor plan
	$(BIN)/ruff format --check nbxfer tests tools noxfile.py
	$(BIN)/ruff check nbxfer tests tools noxfile.py
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

clean: ## remove everything that make has made
	rm -rf .venv .nox .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* build dist *.egg-info notebooks/data
	find . -name __pycache__ -prune -exec rm -rf {} +
