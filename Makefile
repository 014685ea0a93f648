# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# tests/bootstrap.py makes the environment (once) and runs a script in it; tests/run.py runs stages of the tests.
PYTHON ?= python3
TESTS = @$(PYTHON) tests/bootstrap.py dev tests/run.py

.DEFAULT_GOAL := help
.PHONY: help python env demo test test-all test-unit test-integration molecule bench lint types sanity picture docs lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s%s\n", $$1, $$2 }' Makefile

python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or later is needed and $(PYTHON) is not there: install the packages python3 and python3-venv, or give one with PYTHON=."; exit 1; }

env: python ## Prepare the development environment (.cache/venv)
	@$(PYTHON) tests/bootstrap.py dev

demo: python ## Diagnose a simulated fleet, no Docker needed
	@$(PYTHON) tests/bootstrap.py demo tests/demo/run.py

test: python ## Everything: lint, types, sanity, unit, contract, artifact, integration, molecule
	$(TESTS)

test-all: python ## And what takes long: further ansible-cores, every target Python, the whole fault matrix
	$(TESTS) --all

test-unit: python ## The fast loop: unit and contract tests
	$(TESTS) unit contract

test-integration: python ## Integration tests on a real stack (Docker)
	$(TESTS) integration

molecule: python ## All molecule scenarios (Docker)
	$(TESTS) molecule

bench: python ## How fast it is, beside curl and the runbook (six minutes; needs curl, takes nginx if there is one)
	@$(PYTHON) tests/bootstrap.py dev -m tests.benchmark

lint: python ## All linters
	$(TESTS) lint

types: python ## mypy --strict
	$(TESTS) types

sanity: python ## ansible-test sanity
	$(TESTS) sanity

picture: python ## Run the demo and keep what it shows for the picture in the README
	@$(PYTHON) tests/bootstrap.py dev -m tests.demo.capture
	@$(PYTHON) tests/bootstrap.py dev docs/generate.py

docs: python ## Write the generated pages under docs/ again
	@$(PYTHON) tests/bootstrap.py dev docs/generate.py

lock: python ## Write the locks again from pyproject.toml (newest versions)
	@$(PYTHON) tests/bootstrap.py lock

clean: python ## Remove stacks, test images and .cache
	@$(PYTHON) -m tests.stack clean
	@rm -rf .cache tests/output .hypothesis
