"""How cost grows: with tickers, portfolios, runs in the plan, and trials in a proposal and in every plot and table.

``python benchmarks/growth.py [part …]`` prints a Markdown table a part, with the exponent between the two largest
sizes: 1 is linear. It writes propose_200_s and propose_1000_s, of SMAC, into ``benchmarks/results.json``. CPU
seconds, start included; twenty CPU minutes, most of them fANOVA's in estimate_importance.

- ``plan``: ``snakemake -n`` of so many runs.
- ``propose``: a round of four after so many trials, by each optimizer that learns from all of them.
- ``tables``: what reads every trial of a sweep, six runs each.
- ``tickers``, ``portfolios``: a round of PPO as shipped: 64 vector steps and the updates that follow.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import yaml

from benchmarks.planning import lay_out, snakemake
from benchmarks.record import environment, machine, record
from workflow_scripts.config.model import Sweep, read_config
from workflow_scripts.sweeps.history import Score, write_score
from workflow_scripts.sweeps.optimizers.base import PACKAGE as OPTIMIZERS
from workflow_scripts.sweeps.optimizers.base import Optimizer
from workflow_scripts.sweeps.search_space import build_space, to_dict
from workflow_scripts.training.environment.baselines import write_baselines
from workflow_scripts.training.sharpe import Episode
from workflow_scripts.workflow.registry import find

ROOT = Path(__file__).resolve().parents[1]
RUNS = (200, 1_000, 10_000, 100_000)
TRIALS = (50, 200, 1_000, 2_000)
TICKERS, PORTFOLIOS = (20, 100, 500), (16, 256, 4096)
LEARNERS = ("smac", "smac_gp", "tpe", "optuna_gp")
MOST_TRIALS = {"smac_gp": 200}  # after a thousand a round takes a quarter of an hour
FOLDS, SEEDS, DAYS, REPETITIONS = 3, 2, 250, 3
# CPU seconds by size; none where the size was left out.
Costs = Mapping[int, float]


def exponent(costs: Costs) -> float:
    """Return by which power of the size the cost grows between the two largest sizes."""
    (small, less), (large, more) = sorted(costs.items())[-2:]
    return math.log(more / less) / math.log(large / small)


def table(of: str, rows: Mapping[str, Costs]) -> list[str]:
    """Return a Markdown table: CPU seconds by size, and the exponent."""
    sizes = sorted({size for costs in rows.values() for size in costs})
    lines = ["| CPU seconds | " + " | ".join(f"{size:,} {of}" for size in sizes) + " | exponent |"]
    lines.append("|---" * (len(sizes) + 2) + "|")
    for name, costs in rows.items():
        cells = [f"{costs[size]:.3g}" if size in costs else "–" for size in sizes]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {exponent(costs):.1f} |")
    return lines


def plan() -> Iterator[str]:
    """Yield what Snakemake takes to plan."""
    seconds = {}
    for runs in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            lay_out(Path(folder), runs)
            seconds[runs], _ = snakemake(Path(folder), "-n", "--quiet", "all")
    yield from table("runs", {"`snakemake -n`": seconds})


@cache
def shipped() -> Sweep:
    """Return the shipped sweep."""
    return read_config(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))).sweeps["ppo_smac"]


def lay_out_scores(folder: Path, trials: int) -> list[Path]:
    """Write score.json of so many trials of the shipped sweep, four a round, with drawn values; return the files."""
    sweep, rng = shipped(), np.random.default_rng(0)
    space = build_space({name: entry.spelled() for name, entry in sweep.space.items()}, sweep.agent)
    space.seed(0)
    configurations = [to_dict(each) for each in space.sample_configuration(trials - 1)]
    paths = []
    for number, configuration in enumerate([sweep.default, *configurations]):
        values = rng.normal(1, 0.3, (FOLDS, SEEDS))
        runs = [
            {
                "fold": fold,
                "seed": seed,
                "status": "ok",
                "reason": None,
                "days": DAYS,
                "sharpe": value,
                "value": value,
                "measures": {},
                "undefined": {},
            }
            for (fold, seed), value in np.ndenumerate(values)
        ]
        place = divmod(number, 4)
        error = float(values.std(ddof=1)) / math.sqrt(values.size)
        score = Score("bench", *place, 6144, "ok", None, float(values.mean()), error, configuration, runs)
        paths.append(folder / "round_{}/trial_{}/score.json".format(*place))
        paths[-1].parent.mkdir(parents=True)
        write_score(score, paths[-1])
    return paths


def verb(module: str, *arguments: str) -> float:
    """Run a rule's command; return its CPU seconds."""
    command = [sys.executable, "-m", f"workflow_scripts.{module}", *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(PYTHONHASHSEED="0"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{module}: {said.decode()[-2000:]}")
    return usage.ru_utime + usage.ru_stime


def propose() -> Iterator[str]:
    """Yield what a round's proposals take."""
    rows: dict[str, dict[int, float]] = {name: {} for name in LEARNERS}
    for trials in TRIALS:
        with tempfile.TemporaryDirectory() as parent:
            scores = lay_out_scores(Path(parent), trials)
            for name, costs in rows.items():
                if trials > MOST_TRIALS.get(name, trials):
                    continue
                optimizer = find(OPTIMIZERS, name, Optimizer).of({"round_size": 4})
                settings = shipped().decisions() | {"optimizer": name} | optimizer.decisions(FOLDS * SEEDS)
                costs[trials] = verb(
                    "sweeps.propose_trials",
                    "--sweep=bench",
                    f"--number={trials // 4}",
                    f"--settings={json.dumps(settings)}",
                    f"--folder={parent}/next_{name}",
                    "--scores",
                    *map(str, scores),
                )
    yield from table("trials", rows)
    record(propose_200_s=round(rows["smac"][200], 1), propose_1000_s=round(rows["smac"][1_000], 1))


def tables() -> Iterator[str]:
    """Yield what reads every trial of a sweep."""
    rows: dict[str, dict[int, float]] = {}
    default = f"--default={json.dumps(shipped().default)}"
    space = {name: entry.spelled() for name, entry in shipped().space.items()}
    listed = {"bench": {"agent": "ppo", "optimizer": "smac", "market": "m", "default": shipped().default}}
    for trials in TRIALS:
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent)
            scores = ["--scores", *map(str, lay_out_scores(folder, trials))]
            baselines = ["--baselines", *map(str, write_folds(folder))]
            made, drawn = f"--trials={folder}/trials.csv", f"--plot={folder}/plot.svg"
            jobs: dict[str, tuple[str, ...]] = {
                "sweeps.collect_trials": ("--agent=ppo", "--top=1", made, f"--incumbent={folder}/best.yaml", *scores),
                "analysis.compare_sweeps": (
                    f"--sweeps={json.dumps(listed)}",
                    "--num-envs=16",
                    f"--table={folder}/board.csv",
                    drawn,
                    *scores,
                ),
                "analysis.plot_progress": ("--sweep=bench", drawn, *baselines, *scores),
                "analysis.plot_sharpe": ("--sweep=bench", default, drawn, *baselines, *scores),
                "analysis.estimate_importance": (
                    made,
                    f"--space={json.dumps(space)}",
                    "--resamples=20",
                    "--permutations=99",
                    f"--importance={folder}/importance.json",
                ),
            }
            for module, arguments in jobs.items():
                rows.setdefault(module.partition(".")[2], {})[trials] = verb(module, *arguments)
            rows.setdefault("luck of selection", {})[trials] = luck_of_selection(trials)
    yield from table("trials", rows)


def write_folds(folder: Path) -> list[Path]:
    """Write what the baselines earned on the validation days of each fold; return the files."""
    rng, paths = np.random.default_rng(0), [folder / f"fold_{fold}.parquet" for fold in range(FOLDS)]
    for path in paths:
        dates = np.datetime64("2020-01-01") + np.arange(DAYS)
        episode = Episode(dates, rng.normal(0, 0.01, DAYS), np.zeros(DAYS))
        write_baselines(dict.fromkeys(("benchmark", "equal_weight", "buy_and_hold"), episode), path)
    return paths


def luck_of_selection(trials: int) -> float:
    """Return the CPU seconds of a verdict's third answer."""
    from workflow_scripts.analysis.inference.answers import selection_answer

    rng = np.random.default_rng(0)
    market = rng.normal(0, 0.01, FOLDS * DAYS)
    returns = [market + rng.normal(0, 0.001, (SEEDS, FOLDS * DAYS)) for _ in range(trials)]
    began = time.process_time()
    selection_answer(returns, market, trials)
    return time.process_time() - began


def training(tickers: int, portfolios: int) -> float:
    """Return the CPU seconds of a round of PPO with the shipped settings, the fastest of REPETITIONS."""
    from benchmarks.speed import iterate_ours, window

    run, *_ = iterate_ours("ppo", window(tickers), {}, "shared", "tilt", portfolios)
    run()
    taken = []
    for _ in range(REPETITIONS):
        began = time.process_time()
        run()
        taken.append(time.process_time() - began)
    return min(taken)


def over(of: str, sizes: Sequence[int], cost: Callable[[int], float]) -> Iterator[str]:
    """Yield what a round of training takes."""
    from workflow_scripts.training.run.threads import pin_threads

    pin_threads()
    yield from table(of, {"a round of PPO": {size: cost(size) for size in sizes}})


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "plan": plan,
    "propose": propose,
    "tables": tables,
    "tickers": partial(over, "tickers", TICKERS, lambda tickers: training(tickers, 16)),
    "portfolios": partial(over, "portfolios", PORTFOLIOS, lambda portfolios: training(20, portfolios)),
}


def main(parts: list[str]) -> None:
    """Print a table for each part."""
    print(machine())
    for part in parts or PARTS:
        print("\n" + "\n".join(PARTS[part]()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
