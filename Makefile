# The project's verbs. Everything happens in .venv at the root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install models check test test-clients run bench eval-privacy gpu-check clean

install: $(STAMP)

# Again only when pyproject.toml or what is compiled changed. A half-made .venv is removed, so that the next try starts clean.
$(STAMP): pyproject.toml hatch_build.py $(wildcard src/nemora/ops/cpu/*.cpp src/nemora/ops/cpu/*.h src/nemora/ops/cpu/build.py)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Nemora needs Python 3.11 or newer: make PYTHON=python3.11" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python cannot make .venv: install its venv package (Debian: python3-venv)." >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,reference,parity,train,documents]'
	@$(BIN)/python -m nemora.ops.cpu.library
	@touch $(STAMP)

# The starter models: fetched once, verified, kept in the cache.
models: install
	$(BIN)/nemora pull --starter

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Without the starter models the other tests still run. A process for each core, each with one thread: a file's tests
# run in one of them.
test: install
	@$(BIN)/nemora pull --starter --quiet || \
		echo "*** THE STARTER MODELS ARE MISSING: the tests that need them are SKIPPED. ***" >&2
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

# Every client that people use, each in an environment of its own, which pip and npm fetch once; and the document of the
# APIs, asked longer. make test-clients ARGS='--only litellm'
test-clients: install
	$(BIN)/python tests/clients/run_clients.py $(ARGS)
	NEMORA_OPENAPI_EXAMPLES=50 $(BIN)/python -m pytest tests/server/test_openapi.py

run: models
	$(BIN)/nemora serve

bench: install
	$(BIN)/python bench/reading_speed.py
	$(BIN)/python bench/agent_history.py

# make eval-privacy DATA=folder of .jsonl or .jsonl.gz files [ARGS=--positions]
eval-privacy: install
	@test -n "$(DATA)" || { echo "Name a folder: make eval-privacy DATA=DIR" >&2; exit 2; }
	$(BIN)/nemora eval "$(DATA)" $(ARGS)

# Parity with the CPU, memory and speed on the accelerator that is present. make gpu-check ARGS=--quick
gpu-check: install
	@$(BIN)/python bench/gpu_check.py $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
