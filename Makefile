# Every target sets up what it needs: a virtual environment with the locked dependencies, made once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install run test check format bench peers schema lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Create .venv with the locked dependencies

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "OmniForge Graph needs Python 3.11 or newer; name one with make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: install ## Serve on 127.0.0.1:8000 with SQLite and a living demonstration (ARGS="--port 9000 --no-demo")
	$(BIN)/omniforge-graph serve $(ARGS)

test: install ## Run every test, on SQLite and on a PostgreSQL started for the occasion (ARGS="-k manager")
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

check: install ## Lint, types, import contracts, schema.graphql up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/omniforge-graph schema --check

format: install ## Format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install ## Measure the server against a raw ASGI echo and the statistics against peers (ARGS="--part statistics")
	$(BIN)/python -m tests.benchmarks $(ARGS)

peers: ## Make .venv-peers with the libraries, and where npm is the server, that we are measured against
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -r tests/benchmarks/requirements-peers.txt
	@mkdir -p .venv-peers/node && cp tests/benchmarks/servers/mercurius/package.json .venv-peers/node/
	@if command -v npm > /dev/null; then \
		npm install --silent --no-audit --no-fund --no-package-lock --prefix .venv-peers/node; \
	else echo "npm is missing: mercurius is left out"; fi

calibrate: install ## Simulate whether the promised error rates hold, beside the best peers' figures (some minutes)
	$(BIN)/python -m tests.calibration $(ARGS)

schema: install ## Print the GraphQL schema into schema.graphql
	$(BIN)/omniforge-graph schema

lock: ## Resolve requirements.lock anew (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -o requirements.lock

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) .venv-peers .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
