# Every target does the set-up it needs first; a second run skips what is done. `make help` lists them.
PYTHON ?= python3
SETUP := $(PYTHON) -m localcloud.setup
BIN := .venv/bin
PYTEST_WORKERS ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test clients check bench shell format clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Deploy the cross-account copy locally, send real records through it and check them
	@$(SETUP) $@
	@$(BIN)/tributary demo

test: ## Run all tests, on local clouds of their own (arguments for pytest: TESTS="...")
	@$(SETUP) $@
	@$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadfile $(TESTS)

clients: ## Download software of others (AWS CLI, Kinesis Client Library, OpenSearch) that tests then run as well
	@$(SETUP) check
	@$(BIN)/python -m integration_tests.clients

check: ## Lint, check the format and the types
	@$(SETUP) $@
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: ## Run the measured comparisons; results go to benchmarks/results
	@$(SETUP) $@
	@$(BIN)/python -m benchmarks

shell: ## Open a shell in which `pulumi` works against a local cloud; takes commands on standard input as well
	@$(SETUP) $@
	@$(BIN)/tributary local shell

format: ## Format the code and fix what ruff can fix
	@$(SETUP) $@
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## Remove the virtual environment and what tools leave behind (the Pulumi engine stays in the user's cache)
	rm -rf .venv .tributary build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
