# `make help` lists what there is. Everything is installed into .venv, once.

PYTHON ?= python3
DATA ?=
RUN ?=
PARAMETERS ?=
RESUME ?=
SET ?=

VENV := .venv
STAMP := $(VENV)/.installed
IN := $(VENV)/bin
OPTIONS := $(if $(PARAMETERS),--parameters "$(PARAMETERS)") $(if $(RESUME),--resume) $(if $(DATA),--data "$(DATA)") $(if $(RUN),--run "$(RUN)") $(foreach pair,$(SET),-p "$(pair)")

.DEFAULT_GOAL := help
.PHONY: help run check t98g test verify lab refresh faults clean

help:
	@echo "make run                    the whole study, from frames to report; with your own:"
	@echo "                            DATA=folder RUN=folder PARAMETERS=file SET='name=value name=value'"
	@echo "                            RESUME=1 continues a run that was interrupted"
	@echo "make check DATA=folder      is this data set fit to use? lists every offender"
	@echo "make t98g                   fetch 50 real frames with outlines into T98G/ (108 MB)"
	@echo "make test                   all tests, at most 15 minutes on 2 cores"
	@echo "make verify                 run anew and compare every stored number and table: one table"
	@echo "make lab                    JupyterLab on the notebooks"
	@echo "make refresh                rewrite the stored outputs and figures/ from the default data"
	@echo "make faults                 rewrite docs/faults.md from the tests"
	@echo "make clean                  remove .venv, caches and the simulated frames; runs/ stays"

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with make PYTHON=...")'
	@echo "Installing into $(VENV), once: about 6 GB of disk, two to five minutes."
	@$(PYTHON) -m venv $(VENV)
	@$(IN)/python -m pip install --disable-pip-version-check --progress-bar off -r requirements.txt
	@touch $@

run: $(STAMP)
	@echo "Running the pipeline: about 11 minutes for the default data on 2 cores, less with bfloat16."
	@$(IN)/python pipeline.py $(OPTIONS)

check: $(STAMP)
	@$(IN)/python pipeline.py --check $(OPTIONS)

t98g: $(STAMP)
	@$(IN)/python -m preprocess.sources.download t98g --to T98G

test: $(STAMP)
	@echo "Testing: at most 15 minutes on 2 cores."
	@$(IN)/python -m pytest

verify: $(STAMP)
	@echo "Running everything anew at parameters/quick.yaml: about 5 minutes on 2 cores."
	@$(IN)/python -m conductor.verify

lab: $(STAMP)
	@$(IN)/jupyter lab --KernelManager.transport_encryption=auto main.ipynb

refresh: $(STAMP)
	@echo "Rewriting the stored outputs: a few minutes on one core."
	@$(IN)/python tests/refresh_notebooks.py

faults: $(STAMP)
	@$(IN)/python -m tests.faults.document

clean:
	@rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +
	@if [ -d unet_data ]; then find unet_data -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +; fi
	@echo "Removed the environment, caches and simulated frames; runs/ is untouched."
