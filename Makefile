# The commands of the README. Each sets up what it needs; set-up is skipped while the pins are unchanged.
VENV := .venv
BIN := $(VENV)/bin
override CORES := $(or $(CORES),$(shell nproc))
GPUS ?= $(CORES)
# What make run leaves out with CONTROLS=0.
CONTROLS ?= 1
RESULTS ?= results
SLURM_TESTS ?= slurm
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)
# --cores comes last: --resources would take a target that follows it for one more resource.
SNAKEMAKE := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --resources gpu=$(GPUS) --cores $(CORES)

SWEEP ?=
HOLDINGS ?=
ANYWAY ?=
COMMA := ,
OF_SWEEP = $(if $(SWEEP),sweep: $(SWEEP)$(if $(HOLDINGS),$(COMMA) ))
OF_ACCOUNT = $(if $(HOLDINGS),holdings: "$(HOLDINGS)")

# What `make slurm-allocation` asks SLURM for: an H200, eight cores and four hours.
ALLOCATION ?= --partition h200 --gpus h200:1 --cpus-per-task 8 --mem 32G --time 240

.PHONY: help run plan controls watch report ablation snakemake-report export-optuna export-deepcave export-tensorboard \
	export-mlflow orders explain resume adopt diff setup slurm-allocation test test-slow test-slurm test-gpu test-py312 check \
	schema docs bench bench-gpu pictures clean

# A target's line of help stands behind it, after two #.
help: ## these lines
	@sed -nE 's/^([a-z][a-z0-9-]*):[^#]*## (.*)/make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
		awk -F'|' '{ printf "%-24s %s\n", $$1, $$2 }'

# The controls last, so that the verdict is there before them.
run: setup ## the sweeps of config.yaml, the same where the truth is known, the report; CONTROLS=0, VERBOSE=1: every job
	@$(SNAKEMAKE)
ifneq ($(CONTROLS),0)
	@$(SNAKEMAKE) controls
endif
	@$(MAKE) --no-print-directory report

# Downloads and cuts the market, trains for a moment at most.
plan: setup ## what the sweeps take and what they can show, before any of it runs
	@$(SNAKEMAKE) plan --quiet host progress reason rules

# The same settings where the truth is known.
controls: setup ## your sweep on noise and planted markets: what it claims there, and what it finds
	@$(SNAKEMAKE) controls
	@sed 's/.* INFO //' results/controls/collect_controls.log

# From the files alone, so that it may look at another machine's run on a shared disk: make watch RESULTS=/path/to/results.
watch: setup ## a live view of a running or finished sweep, q ends it; ONCE=1: one picture; HTML=1: the report too, every minute
	@$(BIN)/python -m workflow_scripts.analysis.watch_results --results "$(RESULTS)" $(if $(ONCE),--once) \
		$(if $(HTML),--html "$(RESULTS)/report.html")

explain: setup ## how many jobs of each rule would run, and why; starts nothing
	@$(SNAKEMAKE) --dry-run

# Removes the stale lock that the dead process left.
resume: setup ## go on after a kill
	@$(BIN)/python -m workflow_scripts.workflow.refuse_to_unlock
	@$(BIN)/snakemake --unlock --quiet all
	@$(MAKE) --no-print-directory run

# Checks them against their digests, and tells Snakemake so, of every job: one that is not named has no record of its code.
adopt: setup ## keep results that were moved or copied here without .snakemake
	@$(BIN)/python -m workflow_scripts.workflow.adopt_results
	@$(SNAKEMAKE) --touch --forceall --quiet all
	@if [ -d results/controls/results ]; then $(SNAKEMAKE) controls --touch --forceall --quiet all; fi
	@echo "adopted: snakemake -n says what is left to do"

report: setup ## results/report.html of what is finished so far; starts nothing
	@$(BIN)/python -m workflow_scripts.analysis.write_report --results "$(RESULTS)" --report "$(RESULTS)/report.html"
	@$(BIN)/python -m workflow_scripts.analysis.summarise_results --results "$(RESULTS)"

# With a configuration of its own: no other sweep is looked at, and the test days stay closed.
ablation: setup ## SWEEP=…: train the path from a sweep's default to its incumbent, for the report
	@test -n "$(SWEEP)" || { echo "name a sweep of config.yaml: make ablation SWEEP=…" >&2; exit 1; }
	@$(BIN)/python -m workflow_scripts.analysis.write_ablation --sweep $(SWEEP) --ablation results/sweeps/$(SWEEP)/ablation.yaml
	@$(SNAKEMAKE) --configfile results/sweeps/$(SWEEP)/ablation.yaml -- results/sweeps/$(SWEEP)_ablation/trials.csv

# Every job, how long it took, and its code; with the plots' captions.
snakemake-report: setup ## results/snakemake_report.html: Snakemake's own report
	@$(SNAKEMAKE) --report results/snakemake_report.html --quiet all

# From the files alone, into results/exports; a package that it needs is named where it is missing.
EXPORT = $(BIN)/python -m workflow_scripts.analysis.export_results --results "$(RESULTS)"

export-optuna: setup ## results/exports/optuna.db: a study per sweep, for optuna-dashboard
	@$(EXPORT) optuna

export-deepcave: setup ## results/exports/deepcave: a DataFrame run per sweep
	@$(EXPORT) deepcave

export-tensorboard: setup ## results/exports/tensorboard: the learning curves of every run
	@$(EXPORT) tensorboard

export-mlflow: setup ## results/exports/mlflow.db: an experiment per sweep, a run per trial
	@$(EXPORT) mlflow

# From what was judged: nothing is trained.
orders: setup ## what the incumbent trades on the market's latest day; SWEEP=…, HOLDINGS=file.csv, ANYWAY=1
	@$(SNAKEMAKE) orders --quiet host progress reason rules $(if $(SWEEP)$(HOLDINGS)$(ANYWAY),--config) \
		$(if $(ANYWAY),anyway=true) $(if $(SWEEP)$(HOLDINGS),'orders={$(OF_SWEEP)$(OF_ACCOUNT)}')

# One allocation in which Snakemake runs as on a desk: for runs of seconds, which are not worth a place in the queue.
slurm-allocation: setup ## make run in one allocation of a cluster
	@sbatch $(ALLOCATION) --job-name foldsweep --output foldsweep.%j.log \
		--wrap 'make run CORES=$${SLURM_CPUS_PER_TASK:-$$SLURM_CPUS_ON_NODE} $(if $(findstring command,$(origin GPUS)),GPUS=$(GPUS))'

# Makes nothing anew.
diff: setup ## MARKET=…: what its vendor has changed since it was locked, and which folds that touches
	@test -n "$(MARKET)" || { echo "name a market of config.yaml: make diff MARKET=…" >&2; exit 1; }
	@$(SNAKEMAKE) --quiet all --force results/markets/$(MARKET)/data.diff.json
	@cat results/markets/$(MARKET)/diff_market.log

setup: $(VENV)/installed $(VENV)/screen ## the environment in .venv, with the pinned packages

$(VENV)/installed: requirements.txt requirements-no-deps.txt
	@test -n "$(PYTHON)" || { echo "foldsweep needs Python 3.11 or 3.12; name one with: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "setup: environment in $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)
	@echo "setup: installing the pinned packages (about 2 GB with torch; some minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-no-deps.txt
	@touch $@
	@echo "setup: done; for Snakemake by hand: source $(BIN)/activate"

# Snakemake finds the screen by its name on Python's path.
$(VENV)/screen: $(VENV)/installed
	@$(BIN)/python -c 'import os, site; folder = site.getsitepackages()[0]; \
		open(os.path.join(folder, "foldsweep.pth"), "w").write(os.path.relpath("screen", folder) + "\n")'
	@touch $@

test: setup ## the tests
	@$(BIN)/python -m pytest -n $(CORES) --dist loadfile -m "not slow and not slurm and not gpu"

test-slow: setup ## the slow tests: kills, whole reruns, training on planted markets
	@$(BIN)/python -m pytest -m "slow and not slurm"

# Installs SLURM with apt-get where it is missing, and says why where it cannot.
test-slurm: setup ## the tests that need SLURM, on this machine
	@$(BIN)/python -m pytest -m "$(SLURM_TESTS)" -rs tests/cluster

# Skipped, with the reason, where torch sees none.
test-gpu: setup ## the tests that need an NVIDIA GPU, on this machine
	@$(BIN)/python -m pytest -m gpu -rs tests/gpu

# In an environment of its own.
PYTHON312 ?= python3.12
test-py312: ## the unit and conformance tests under Python 3.12, where it is there
	@if $(PYTHON312) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; then \
		$(MAKE) --no-print-directory VENV=.venv-py312 PYTHON=$(PYTHON312) setup && \
		.venv-py312/bin/python -m pytest -n $(CORES) --dist loadfile -m "not slow and not slurm" tests/unit tests/conformance; \
	else echo "test-py312: nothing was tested: $(PYTHON312) is no Python 3.12; name one with: make test-py312 PYTHON312=…"; fi

check: setup ## ruff, mypy --strict, snakefmt, snakemake --lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict workflow_scripts screen/snakemake_logger_plugin_foldsweep
	@$(BIN)/snakefmt --check Snakefile rules
	@$(BIN)/snakemake --lint

# A link that leads nowhere is an error.
docs: setup $(VENV)/installed-docs ## the pages of docs/ as a site that opens from the disk: site/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "docs: site/index.html"

$(VENV)/installed-docs: requirements-docs.txt | $(VENV)/installed
	@echo "setup: installing the packages of the documentation"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt -c requirements.txt
	@touch $@

schema: setup ## what is made from the settings' models: the JSON schema and the tables of docs/configuration.md
	@$(BIN)/python -m workflow_scripts.config.describe --schema schemas/config.schema.yaml --page docs/configuration.md

bench: setup ## the speed of training, of a run's start and of planning: eight CPU minutes
	@$(BIN)/python benchmarks/speed.py
	@$(BIN)/python benchmarks/peers.py
	@$(BIN)/python benchmarks/overhead.py
	@$(BIN)/python benchmarks/planning.py

bench-gpu: setup ## the speed of runs side by side on an NVIDIA GPU, beside this machine's cores: five minutes
	@$(BIN)/python benchmarks/gpu.py

# Of what is committed; Chromium draws the report.
pictures: setup ## docs/'s pictures of the shipped sweep, from a run in a fresh clone: eight CPU minutes
	@$(BIN)/python benchmarks/pictures.py

clean: ## removes results/ and Snakemake's own records
	rm -rf results .snakemake .mypy_cache .ruff_cache .pytest_cache
