# Every target does the set-up it needs first; a second run skips what is done. `make help` lists them.
PYTHON ?= python3
SETUP := $(PYTHON) -m localcloud.setup
BIN := .venv/bin
PYTEST_WORKERS ?= auto
# Without bytecode every process compiles anew what it imports, and pytest rewrites every test: half of the time that it
# takes to collect them.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
# The stories of the architectures; what LocalStack does not do is skipped by integration_tests/support/gaps.py.
LOCALSTACK_STORIES := test_localstack.py test_harness.py cross_account_copy table_replica shared_stream data_lake
.PHONY: help demo test test-localstack pythons clients check bench shell format clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Deploy the cross-account copy locally, send real records through it and check them
	@$(SETUP) $@
	@$(BIN)/tributary demo

test: ## Run all tests, on local clouds of their own (arguments for pytest: TESTS="...")
	@$(SETUP) $@
	@$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

pythons: ## Run demo, fast tests and a story with each other supported Python of this machine
	@$(SETUP) check
	@$(BIN)/python -m integration_tests.pythons

test-localstack: ## Run the architectures' stories on LocalStack's open runtime, without Docker (TESTS="..." as above)
	@$(SETUP) test
	@$(BIN)/python -m localcloud.localstack $(BIN)/python -m pytest --target localstack \
		$(or $(TESTS),$(addprefix integration_tests/,$(LOCALSTACK_STORIES)))

clients: ## Download software of others (AWS CLI, Kinesis Client Library, OpenSearch) that tests then run as well
	@$(SETUP) check
	@$(BIN)/python -m integration_tests.clients

check: ## Lint code and policies, check the format and the types
	@$(SETUP) $@
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m tests.policies

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
