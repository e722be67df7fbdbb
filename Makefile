# The commands of the README. Each sets up what it needs; set-up is skipped while the pins are unchanged.
VENV := .venv
BIN := $(VENV)/bin
CORES ?= $(shell nproc)
GPUS ?= 1
SLURM_TESTS ?= slurm
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)
SNAKEMAKE := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --cores $(CORES) --resources gpu=$(GPUS)

# What `make slurm-allocation` asks SLURM for: an H200, eight cores and four hours.
ALLOCATION ?= --partition h200 --gpus h200:1 --cpus-per-task 8 --mem 32G --time 240

.PHONY: run plan explain resume adopt report diff setup slurm-allocation test test-slow test-slurm test-py312 check schema docs \
	bench clean

run: setup
	@$(SNAKEMAKE)
	@$(MAKE) --no-print-directory report

# What the sweeps take and what they can show; downloads and cuts the market, trains for a moment at most.
plan: setup
	@$(SNAKEMAKE) plan --quiet host progress reason rules

# How many jobs of each rule would run, and why; starts nothing.
explain: setup
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m workflow_scripts.workflow.explain_reruns

# After a kill: removes the stale lock that the dead process left, then runs on. Never while another run is alive.
resume: setup
	@$(BIN)/snakemake --unlock --quiet all
	@$(MAKE) --no-print-directory run

# Results that were moved or copied here without .snakemake: checks them against their digests, and tells Snakemake so.
adopt: setup
	@$(BIN)/python -m workflow_scripts.workflow.adopt_results
	@$(SNAKEMAKE) --touch --quiet all
	@echo "adopted: snakemake -n says what is left to do"

report:
	@$(SNAKEMAKE) --report results/report.html --quiet all
	@$(BIN)/python -m workflow_scripts.analysis.summarise_results --results results

# One allocation in which Snakemake runs as on a desk: for runs of seconds, which are not worth a place in the queue.
slurm-allocation: setup
	@sbatch $(ALLOCATION) --job-name foldsweep --output foldsweep.%j.log \
		--wrap 'make run CORES=$$SLURM_CPUS_PER_TASK GPUS=$(GPUS)'

# What the vendor of a market has changed since it was locked, and which folds that touches; makes nothing anew.
diff: setup
	@test -n "$(MARKET)" || { echo "name a market of config.yaml: make diff MARKET=…" >&2; exit 1; }
	@$(SNAKEMAKE) --quiet all --force results/markets/$(MARKET)/data.diff.json
	@cat results/markets/$(MARKET)/diff_market.log

setup: $(VENV)/installed

$(VENV)/installed: requirements.txt requirements-no-deps.txt
	@test -n "$(PYTHON)" || { echo "foldsweep needs Python 3.11 or 3.12; name one with: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "setup: environment in $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)
	@echo "setup: installing the pinned packages (about 2 GB with torch; some minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-no-deps.txt
	@touch $@
	@echo "setup: done; for Snakemake by hand: source $(BIN)/activate"

test: setup
	@$(BIN)/python -m pytest -n $(CORES) --dist loadfile -m "not slow and not slurm"

test-slow: setup
	@$(BIN)/python -m pytest -m "slow and not slurm"

# SLURM itself, on this machine: installs it with apt-get where it is missing, and says why where it cannot.
test-slurm: setup
	@$(BIN)/python -m pytest -m "$(SLURM_TESTS)" -rs tests/cluster

# The unit and conformance tests under Python 3.12, in an environment of its own, where that interpreter is there.
PYTHON312 ?= python3.12
test-py312:
	@if $(PYTHON312) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; then \
		$(MAKE) --no-print-directory VENV=.venv-py312 PYTHON=$(PYTHON312) setup && \
		.venv-py312/bin/python -m pytest -n $(CORES) --dist loadfile -m "not slow and not slurm" tests/unit tests/conformance; \
	else echo "test-py312: nothing was tested: $(PYTHON312) is no Python 3.12; name one with: make test-py312 PYTHON312=…"; fi

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict workflow_scripts
	@$(BIN)/snakefmt --check Snakefile rules
	@$(BIN)/snakemake --lint

# The pages of docs/ as a site that opens from the disk: site/index.html. A link that leads nowhere is an error.
docs: setup $(VENV)/installed-docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "docs: site/index.html"

$(VENV)/installed-docs: requirements-docs.txt | $(VENV)/installed
	@echo "setup: installing the packages of the documentation"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt -c requirements.txt
	@touch $@

# What is made from the settings' models: the JSON schema that editors read, and the tables of docs/configuration.md.
schema: setup
	@$(BIN)/python -m workflow_scripts.config.describe --schema schemas/config.schema.yaml --page docs/configuration.md

bench: setup
	@$(BIN)/python benchmarks/speed.py
	@$(BIN)/python benchmarks/overhead.py
	@$(BIN)/python benchmarks/planning.py

clean:
	rm -rf results .snakemake .mypy_cache .ruff_cache .pytest_cache
