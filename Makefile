# make demo: install, train on the bundled images, report.  make test: install, check, test.  make: check and test.
PYTHON ?= python3
BIN := .venv/bin
# The releases that CI runs with, for everyone whose Python is CI's; another Python may need other releases.
LOCK := $(shell $(PYTHON) -c 'import sys; print("--constraint requirements.lock" if sys.version_info[:2] == (3, 11) else "")')
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet $(LOCK)

.PHONY: all test test-browser test-predict check install demo bench faults fuzz format lock licences audit clean

# Whole files of tests side by side: a process a core, at most four, as each imports TensorFlow.
all: check
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

test: all

test-browser: .venv/.browser
	$(BIN)/python -m pytest -rs tests/test_browser*.py

# The small install, ox-predict: its wheel in fresh environments, without and with what reads sheets; its tests there.
test-predict: .venv/.dev
	rm -rf .venv/predict .venv/predict-sheets .venv/predict-wheel
	$(BIN)/python -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir .venv/predict-wheel ./packaging/ox-predict
	$(PYTHON) -m venv --without-pip .venv/predict
	$(BIN)/python -m pip --python .venv/predict/bin/python --disable-pip-version-check install --quiet $(LOCK) .venv/predict-wheel/*.whl
	$(PYTHON) -m venv --without-pip .venv/predict-sheets
	$(BIN)/python -m pip --python .venv/predict-sheets/bin/python --disable-pip-version-check install --quiet $(LOCK) "$$(echo .venv/predict-wheel/*.whl)[sheets]"
	OX_SMALL_INSTALL=$(CURDIR)/.venv/predict $(BIN)/python -m pytest -rs tests/test_small_install.py

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

install: .venv/.installed

demo: .venv/.installed
	$(BIN)/ox train --arch lenet --epochs 8
	$(BIN)/ox report

bench: .venv/.dev
	$(BIN)/python -m tests.benchmarks $(ONLY)

faults: .venv/.dev
	$(BIN)/python -m tests.benchmarks.faults

# make fuzz COUNT=200000 SEED=7: other files, more of them.
COUNT ?= 20000
SEED ?= 0
fuzz: .venv/.dev
	$(BIN)/python -m tests.benchmarks.fuzz --count $(COUNT) --seed $(SEED)

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Newest releases that pyproject.toml allows, installed afresh; run it with Python 3.11, then make test.
lock:
	$(PYTHON) -m venv .venv/lock
	.venv/lock/bin/python -m pip --disable-pip-version-check install --quiet '.[dev]'
	echo '# What CI installs, on Python 3.11: made by make lock, used as a constraint by make install and make test.' > requirements.lock.part
	.venv/lock/bin/python -m pip --disable-pip-version-check freeze --exclude ox-classifier >> requirements.lock.part
	mv requirements.lock.part requirements.lock
	rm -rf .venv/lock build

licences: .venv/.dev
	$(BIN)/python -m tests.licences

# Whether a locked release has a known vulnerability: asks the package index' advisories, so it needs the internet.
audit: .venv/audit
	@.venv/audit/bin/pip-audit --strict --requirement requirements.lock --no-deps --disable-pip --progress-spinner off || \
	{ echo "make audit: a release above has a known vulnerability, or the advisories can't be asked from here: not passed"; exit 1; }

.venv/audit:
	$(PYTHON) -m venv $@
	$@/bin/python -m pip --disable-pip-version-check install --quiet pip-audit

.venv/.installed: pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("ox needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	@echo "Installing into .venv (TensorFlow takes about two minutes) ..."
	$(PIP) --editable .
	touch $@

.venv/.dev: .venv/.installed
	$(PIP) --editable '.[dev]'
	touch $@

.venv/.browser: .venv/.dev
	$(PIP) --editable '.[browser]'
	touch $@

clean:
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache
