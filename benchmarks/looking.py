"""What looking costs: the report of fifty trials, a look of make watch, and what a run keeps for both.

CPU seconds. The sweep is made up: 50 trials × 3 folds × 2 seeds on 20 tickers, and five trainings that go on. A run is
PPO's with the shipped settings, in turn with and without its learning curve and its weights, in one process.
``python benchmarks/looking.py`` (one CPU minute) writes its figures into ``benchmarks/results.json``.
"""

import io
import statistics
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console

from benchmarks.large_market import ROOT, run
from benchmarks.record import machine, record, spread
from benchmarks.shipped import BUDGET
from tests.unit.analysis.made_up_results import MadeUp
from workflow_scripts.analysis.progress import Plan, Results
from workflow_scripts.analysis.watch_results import picture
from workflow_scripts.training.learners import trading_agent
from workflow_scripts.training.run import write
from workflow_scripts.training.run.runs import Outputs
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.train_agent import train_agent
from workflow_scripts.training.trials import Trial
from workflow_scripts.workflow.paths import FILES_OF_RUN

TRIALS, TICKERS, RUNNING, LOOKS, SECONDS, REPETITIONS = 50, 20, 5, 20, 5.0, 5
LINE = "{now} INFO vector_steps={step}/6144 critic_loss=0.9 actor_objective=0.1 cpu_s=1.5\n"


def main() -> None:
    """Measure, print, record."""
    with tempfile.TemporaryDirectory() as folder:
        made = MadeUp(Path(folder), tickers=TICKERS).make_market()
        sweep = made.make_sweep("ppo_smac", rounds=1, size=TRIALS)
        made.finish("ppo_smac")
        page = made.results / "report.html"
        verb = "workflow_scripts.analysis.write_report"
        _, report, _ = run(ROOT, ["-m", verb, "--results", str(made.results), "--report", str(page)])
        megabytes = page.stat().st_size / 1e6
        share = cpu_of_a_look(made, sweep) / SECONDS
        kept, bare = runs_with_and_without(made)
    more = statistics.median(kept) / statistics.median(bare) - 1
    print(machine())
    print(f"report of {TRIALS} trials: {report:.1f} CPU s, {megabytes:.2f} MB")
    print(f"make watch, a look every {SECONDS:g} s: {100 * share:.2f} % of a core")
    print(f"a run: {spread(kept)} CPU s, {spread(bare)} without curve and weights: {100 * more:+.1f} %")
    record(
        report_50_trials_s=round(report, 2),
        report_50_trials_mb=round(megabytes, 2),
        watch_core_share=round(share, 5),
        kept_share_of_a_run=round(more, 4),
    )


def cpu_of_a_look(made: MadeUp, sweep: Path) -> float:
    """Return the CPU seconds of a look of make watch after the first."""
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    for seed in range(RUNNING):
        going = sweep / f"round_1/trial_{seed}/fold_0/seed_0"
        going.mkdir(parents=True)
        steps = "".join(LINE.format(now=now, step=step) for step in range(0, 3072, 614))
        (going / "train_agent.log").write_text(steps, encoding="utf-8")
    console = Console(file=io.StringIO(), width=120)
    tree = Results(made.root, {"ppo_smac": Plan([(TRIALS, 6), (TRIALS, 6)], backtest_runs=25)})
    console.print(picture(tree.look(), "", time.time()))
    began = time.process_time()
    for _ in range(LOOKS):
        console.print(picture(tree.look(), "", time.time()))
    return (time.process_time() - began) / LOOKS


def runs_with_and_without(made: MadeUp) -> tuple[list[float], list[float]]:
    """Return the CPU seconds of runs that keep a learning curve and weights, and of runs that keep neither."""
    (made.root / "config.yaml").write_text(Trial("bench", "ppo", 0, 0, BUDGET, {}).to_yaml(), encoding="utf-8")
    outputs = Outputs(**{name: made.root / file for name, file in FILES_OF_RUN.items()})
    fold = made.results / "markets" / made.market / "folds/fold_0.npz"
    taken: dict[bool, list[float]] = {True: [], False: []}
    for repetition in range(REPETITIONS + 1):
        for keeps, seconds in taken.items():
            with (
                patch.object(trading_agent, "CURVE_POINTS", trading_agent.CURVE_POINTS if keeps else 0),
                patch.object(write, "write_curves", write.write_curves if keeps else nothing),
                patch.object(write, "write_weights", write.write_weights if keeps else nothing),
            ):
                began = time.process_time()
                train_agent(made.root / "config.yaml", fold, 0, outputs, training=TrainingSettings(device="cpu"))
                if repetition:  # the first runs load and compile
                    seconds.append(time.process_time() - began)
    return taken[True], taken[False]


def nothing(*_: object) -> None:
    """Write nothing."""


if __name__ == "__main__":
    main()
