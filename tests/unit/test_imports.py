"""What a verb imports at its start it pays in every job: torch 1.5 CPU seconds, smac 1, scipy.stats 0.9, pandas 0.4."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "spared"),
    [
        ("data.download_bars", ("torch", "scipy.stats", "matplotlib")),
        ("data.compute_features", ("torch", "scipy.stats", "sklearn", "matplotlib")),
        ("data.split_folds", ("torch", "scipy.stats", "matplotlib")),
        ("sweeps.propose_trials", ("torch", "smac", "dehb", "optuna", "sklearn", "pandas")),
        ("sweeps.score_trial", ("torch", "scipy.stats", "pandas")),
        ("sweeps.collect_trials", ("torch", "scipy.stats")),
        ("analysis.estimate_importance", ("torch", "smac")),
        ("analysis.plot_equity", ("torch", "scipy")),
        ("analysis.open_test_days", ("torch", "pandas")),
        ("analysis.judge_sweep", ("torch", "smac")),
        ("analysis.check_verdict", ("torch", "smac")),
        ("analysis.write_orders", ("torch", "smac", "matplotlib", "scipy.stats")),
        ("analysis.paper_trade", ("torch", "pandas", "alpaca")),
        ("analysis.compare_sweeps", ("torch", "scipy.stats")),
        ("analysis.summarise_results", ("numpy",)),
        ("analysis.write_report", ("torch", "smac")),
        ("analysis.watch_results", ("torch", "smac", "matplotlib", "scipy.stats")),
    ],
)
def test_a_verb_imports_no_more_than_it_needs(request, module, spared):
    show = f"import sys, workflow_scripts.{module}; print(*sys.modules)"
    command = [sys.executable, "-c", show]
    read = subprocess.run(command, cwd=request.config.rootpath, capture_output=True, text=True, check=True).stdout
    assert "tyro" in read.split()
    assert set(spared) & set(read.split()) == set()


def test_a_python_without_the_packages_is_told_where_they_are(request):
    verb = [sys.executable, "-S", "-m", "workflow_scripts.analysis.check_verdict", "results"]
    done = subprocess.run(verb, cwd=request.config.rootpath, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"foldsweep's packages are not in {sys.executable}: `make setup` puts them into .venv"
    )
    assert len(done.stderr.splitlines()) == 1
