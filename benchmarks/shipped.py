"""What a whole run takes with the shipped settings, with this code and with that of before.

A run of PPO and one of SAC on a full fold of a planted market: start, training, judgement, files. Each is started from
a warm worker, as Snakemake does; CPU seconds of all its processes, one thread, in turn. ``python benchmarks/shipped.py
--before COMMIT`` (seven CPU minutes) writes medians and ratios into ``benchmarks/results.json``. ``--before`` may name
a folder with another checkout too.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.large_market import ROOT, checkout, run_warm
from benchmarks.record import machine, record, spread
from workflow_scripts.data.fold_files import write_fold
from workflow_scripts.data.folds import Fold, cut_fold
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.training.trials import Trial
from workflow_scripts.workflow.paths import FILES_OF_RUN

AGENTS = ("ppo", "sac")
TICKERS, BUDGET, FIRST, REPETITIONS = 20, 6144, 512, 3


def main(before: str, repetitions: int = REPETITIONS, budget: int = BUDGET) -> None:
    """Measure, print a table, record medians and ratios.

    Args:
        before: a commit, or a folder with a checkout, to compare with.
        repetitions: runs of each agent with each code.
        budget: vector steps of a run.

    """
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        codes = {"now": ROOT, "before": checkout(before, folder)}
        features = compute_features(synthetic_bars(TICKERS, 1600, 0.0015, 10, 0.01, seed=2), turbulence_days=252)
        write_fold(cut_fold(features, Fold(range(1008), range(1013, 1265)))[0], {}, folder / "fold_0.npz")
        taken: dict[str, dict[str, list[float]]] = {agent: {code: [] for code in codes} for agent in AGENTS}
        for agent, seconds in taken.items():
            for repetition in range(repetitions + 1):
                # The first run with a code compiles, and starts the worker.
                config = Trial("bench", agent, 0, 0, budget if repetition else FIRST, {}).to_yaml()
                (folder / "config.yaml").write_text(config, encoding="utf-8")
                flags = [f"--{name}={folder / file}" for name, file in FILES_OF_RUN.items()]
                flags += [f"--config={folder}/config.yaml", f"--fold={folder}/fold_0.npz", "--seed=0"]
                command = ["-m", "workflow_scripts.training.train_agent", *flags, "--training.device=cpu"]
                for code, checked_out in codes.items():
                    took, _ = run_warm(checked_out, command, folder / "usage")
                    if repetition:
                        seconds[code].append(took)
    print(f"{machine()}\nCPU seconds of a run of {budget} vector steps, median (smallest to largest) of {repetitions}:")
    for agent, seconds in taken.items():
        now, old = (statistics.median(seconds[code]) for code in codes)
        print(f"{agent:6}now {spread(seconds['now'])}   before {spread(seconds['before'])}   ratio {old / now:.2f}")
        record(**{f"shipped_{agent}_run_s": round(now, 2), f"shipped_{agent}_run_ratio": round(old / now, 2)})


if __name__ == "__main__":
    tyro.cli(main)
