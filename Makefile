# make demo: install, train on the bundled images, report.  make test: install, check, test.  make: check and test.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: all test check install demo bench format clean

all: check
	$(BIN)/python -m pytest

test: all

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

install: .venv/.installed

demo: .venv/.installed
	$(BIN)/ox train --arch lenet --epochs 8
	$(BIN)/ox report

bench: .venv/.dev
	$(BIN)/python -m tests.benchmarks $(ONLY)

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("ox needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	@echo "Installing into .venv (TensorFlow takes about two minutes) ..."
	$(PIP) --editable .
	touch $@

.venv/.dev: .venv/.installed
	$(PIP) --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache
