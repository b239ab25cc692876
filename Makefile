# The commands of the project: `make` lists them. CI, CONTRIBUTING.md and the README use the same ones.

PYTHON ?= python3
BIN := .venv/bin
NEWEST := tests/contract tests/driving tests/transforms tests/linear tests/analysis

.PHONY: help install lint-tools docs-tools test lint types docs docs-fast docs-check links links-outside compare newest gate wheel

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

install: ## install gamesolve and everything that its development needs into .venv
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -U 'pip>=25.1'
	$(BIN)/python -m pip install -e '.[test,docs]' --group dev

lint-tools: ## add only the linters to an existing .venv
	$(BIN)/python -m pip install -U 'pip>=25.1'
	$(BIN)/python -m pip install --group lint

docs-tools: ## add only what builds the documentation to an existing .venv
	$(BIN)/python -m pip install -e '.[docs]'

test: ## run the tests, the doctests and the examples
	$(BIN)/python -m pytest

lint: ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: ## check types
	$(BIN)/basedpyright --pythonpath $(BIN)/python

docs: ## build the documentation into docs/_build; GAMESOLVE_FAST=1 trains the examples for a few steps only
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build

docs-fast: ## build the documentation into build/docs without running its code: all pages, references and links
	$(BIN)/python -m sphinx -W --keep-going -q -b html -D nb_execution_mode=off docs build/docs

docs-check: ## read all pages of the documentation without running or writing them; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -q -b dummy -D nb_execution_mode=off docs build/docs-check

links: docs-fast ## check that all links inside the documentation lead to a page, a file or an anchor
	$(BIN)/python docs/check_links.py build/docs

links-outside: ## check the links to other sites; needs a network
	$(BIN)/python -m sphinx -q -b linkcheck -D nb_execution_mode=off docs build/linkcheck

compare: ## compare the core solvers on the built-in games; ARGS="--steps 200" passes options
	$(BIN)/gamesolve compare $(ARGS)

newest: ## test what depends on versions, with the newest packages for PYTHON; for example PYTHON=python3.13
	$(PYTHON) -m venv build/newest
	build/newest/bin/python -m pip install -U --upgrade-strategy eager -e '.[test]'
	build/newest/bin/python -m pytest $(NEWEST)

gate: ## run everything that a change must pass, in a fresh or existing .venv
	bash .ci/run

wheel: ## build and check the release files in dist/, then install the wheel alone and use it
	rm -rf dist build/alone
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*
	$(PYTHON) -m venv build/alone
	build/alone/bin/python -m pip install dist/*.whl
	cd build/alone && bin/python -c 'import gamesolve as gs; print(gs.__version__, gs.__file__)'
	cd build/alone && bin/gamesolve compare --list
	cd build/alone && bin/gamesolve compare --games bilinear --steps 20 --out compared
