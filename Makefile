# Sets up .venv and calls `python -m stages`. Each target works alone, in any order, any number of times.
PYTHON ?= python3
READY := .venv/ready
STAGES := .venv/bin/python -m stages

.PHONY: help setup repro claims paper test lint track ui bench cost readme

help:
	@sed -n 's/^\([a-z]*\):.*## /make \1	/p' Makefile

setup: $(READY)  ## make .venv with the pinned packages

$(READY): pyproject.toml constraints.txt
	@echo 'Set-up: the packages of constraints.txt, about 2 GB, into .venv. Once, 3 to 10 minutes; pip is silent.'
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 to 3.14 is needed: make setup PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	.venv/bin/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	touch $(READY)

repro: $(READY)  ## run the whole pipeline; only what changed runs again
	$(STAGES) repro

claims: $(READY)  ## test the paper's claims: experiments, probes, verdicts, report/claims.html
	$(STAGES) claims

LESS :=  # overrides of params.yaml for a smaller run, e.g. LESS='run.seeds=2 finetune.epochs=3'
paper: $(READY)  ## MNIST at the paper's scale, on a GPU; after a kill the same command continues
	$(STAGES) paper $(patsubst %,'%',$(LESS))

test: $(READY)  ## run the tests
	$(STAGES) test

lint: $(READY)  ## check format, style and types
	$(STAGES) lint

track: $(READY)  ## publish every finished arm to MLflow
	$(STAGES) track

ui: $(READY)  ## publish to MLflow, then serve its UI on 127.0.0.1:5000 and print the addresses
	$(STAGES) ui

bench: $(READY)  ## time the engine beside its peers, about six minutes
	$(STAGES) bench

cost: $(READY)  ## time what zeros save, on the device of DEVICE
	$(STAGES) cost

readme: $(READY)  ## refresh the generated tables in README.md
	$(STAGES) readme
