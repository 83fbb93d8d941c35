# The project's verbs. Everything happens in .venv at the root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install check test run bench eval-privacy gpu-check clean models

install: $(STAMP)

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,reference]'
	touch $(STAMP)

# The starter models: fetched once, verified, kept in the cache.
models: install
	$(BIN)/nemora pull --starter

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: install
	$(BIN)/nemora pull --starter --quiet || echo "THE STARTER MODELS ARE MISSING: the tests that need them are SKIPPED." >&2
	$(BIN)/python -m pytest

run: models
	$(BIN)/nemora serve

bench: install
	$(BIN)/python bench/agent_history.py

# make eval-privacy DATA=folder of .jsonl or .jsonl.gz files
eval-privacy: install
	@test -n "$(DATA)" || { echo "Name a folder: make eval-privacy DATA=DIR" >&2; exit 2; }
	$(BIN)/python bench/eval_privacy.py $(DATA)

gpu-check:
	@echo "This version has not been run on a GPU: --device cuda is accepted and untested, so there is nothing to check yet."

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
