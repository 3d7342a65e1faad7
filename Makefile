# Everything a newcomer needs. Each target works alone, in any order, any number of times.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
READY := .venv/ready

.PHONY: help setup repro claims paper test lint ui track bench cost readme

help:
	@sed -n 's/^\([a-z]*\):.*## /make \1	/p' Makefile

setup: $(READY)  ## make .venv with the pinned packages

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	.venv/bin/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	touch $(READY)

repro: $(READY)  ## run the whole pipeline; only what changed runs again
	.venv/bin/dvc repro

claims: $(READY)  ## test the paper's claims: experiments, probes, verdicts, report/claims.html
	.venv/bin/dvc repro claims/dvc.yaml

# MNIST as the paper trained it: the column of Table 1, and the networks of Figure 3. LESS overrides.
PAPER := run.datasets=[mnist] run.seeds=5 run.experiments=[sparsity] \
  pretrain.epochs=30 pretrain.patience=30 finetune.epochs=100 finetune.patience=20 \
  experiments.sparsity.networks=200
LESS :=
SCALE = $(patsubst %,-S '%',$(PAPER) $(LESS))

# What `dvc exp run` ran it commits, out of sight: where git knows nobody, in this name.
paper: export GIT_AUTHOR_NAME ?= $(shell git config user.name || echo paper)
paper: export GIT_AUTHOR_EMAIL ?= $(shell git config user.email || echo paper@localhost)
paper: export GIT_COMMITTER_NAME ?= $(GIT_AUTHOR_NAME)
paper: export GIT_COMMITTER_EMAIL ?= $(GIT_AUTHOR_EMAIL)
paper: $(READY)  ## MNIST at the paper's scale, on a GPU; kill it at any time, the same command goes on
	.venv/bin/dvc exp run $(SCALE)
	.venv/bin/dvc exp run $(SCALE) claims/dvc.yaml:score@mnist-sparsity
	.venv/bin/python -m stages.judge mnist
	.venv/bin/python -m stages.readme

test: $(READY)  ## run the tests
	.venv/bin/pytest

lint: $(READY)  ## check format, style and types
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

track: $(READY)  ## send every finished arm to MLflow
	.venv/bin/python -m stages.track

ui: track  ## serve the MLflow UI on 127.0.0.1:5000 and print where to look
	.venv/bin/python -m stages.ui

bench: $(READY)  ## time the engine beside its peers, about six minutes
	.venv/bin/python -m stages.bench

cost: $(READY)  ## time what zeros save, on the device of DEVICE
	.venv/bin/python -m stages.cost

readme: $(READY)  ## refresh the generated tables in README.md
	.venv/bin/python -m stages.readme
