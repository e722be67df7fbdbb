"""Is an optimizer better than random search at equal cost? A noisy test function over PPO's ten hyperparameters.

Every optimizer runs in the rounds and through the functions that the workflow calls. A trial's score is the function
plus noise; what counts is the true value of the incumbent, at full budget for those that have budgets, whose trials at
a lower budget carry more noise and cost less. Prints a Markdown table. Run it with
``python benchmarks/optimizers.py [seeds] [optimizer …]``; 20 seeds of all take hours, most of them SMAC's.
"""

import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
import yaml
from ConfigSpace import Configuration, ConfigurationSpace
from scipy.stats import t

from workflow_scripts.sweeps.history import Score, at_full_budget, rank
from workflow_scripts.sweeps.propose_trials import choose
from workflow_scripts.sweeps.search_space import build_space, to_dict
from workflow_scripts.workflow.schedule import Round, schedule
from workflow_scripts.workflow.seeds import derive_seed

ROOT = Path(__file__).resolve().parents[1]
NOISE, TRIALS, ROUND_SIZE, BUDGET, MIN_BUDGET, ETA = 0.25, 50, 5, 900, 100, 3
OPTIMIZERS = ("random", "tpe", "smac", "smac_gp", "smac_hyperband", "dehb")


def settings(optimizer: str, seed: int) -> dict[str, Any]:
    """Return a sweep's settings of about TRIALS full budgets."""
    sweep = {"optimizer": optimizer, "round_size": ROUND_SIZE, "rounds": TRIALS // ROUND_SIZE, "budget": BUDGET}
    sweep |= {"min_budget": MIN_BUDGET, "eta": ETA, "seed": seed, "initial_design": 10, "configurations": []}
    if optimizer in ("dehb", "smac_hyperband"):
        sweep["rounds"] = 1
        while cost(schedule({**sweep, "rounds": sweep["rounds"] + 1})) <= TRIALS:
            sweep["rounds"] += 1
    return sweep


def cost(rounds: Sequence[Round]) -> float:
    """Return the cost of rounds in trials at full budget."""
    return sum(round_.size * round_.budget for round_ in rounds) / BUDGET


def true_value(configuration: Configuration) -> float:
    """Return the value, to be maximised: 2.7 where all is right; five of ten entries matter, two together."""
    unit = configuration.get_array()
    near = np.exp(-(((unit[:5] - 0.7) / 0.35) ** 2))
    return float(near[:3].sum() * 0.6 + near[3] * near[4] * 0.9)


def play(space: ConfigurationSpace, optimizer: str, seed: int) -> tuple[float, float]:
    """Return the true value of the incumbent, and the CPU seconds of the last round's proposals."""
    sweep, rng = settings(optimizer, seed), np.random.default_rng(derive_seed(seed, "noise"))
    rounds, history, took = schedule(sweep), [], 0.0
    for number, round_ in enumerate(rounds):
        began = time.process_time()
        members = choose(sweep, space, history, rounds[: number + 1])
        took = time.process_time() - began
        for place, member in enumerate(members):
            noise = NOISE * (BUDGET / round_.budget) ** 0.5 * rng.standard_normal()
            value, values = true_value(member.configuration) + noise, to_dict(member.configuration)
            history.append(Score("toy", number, place, round_.budget, "ok", None, value, None, values))
    best = rank(at_full_budget(history))[0]
    return true_value(Configuration(space, values=best.configuration)), took


def main() -> None:
    """Print a row an optimizer as it is finished; differences to random search are paired by seed."""
    torch.set_num_threads(1)
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    asked = sys.argv[2:] or OPTIMIZERS
    space = build_space(_ppo_space())
    print(f"| optimizer | true value of the incumbent, {len(seeds)} seeds | beyond random | CPU s of the last round |")
    print("|---|---|---|---|", flush=True)
    random = [play(space, "random", seed)[0] for seed in seeds]
    for optimizer in asked:
        played = [play(space, optimizer, seed) for seed in seeds]
        values = [value for value, _ in played]
        gaps = np.asarray(values) - np.asarray(random)
        half = t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / len(gaps) ** 0.5
        error = statistics.stdev(values) / len(values) ** 0.5
        seconds = statistics.median(took for _, took in played)
        found, beyond = f"{statistics.mean(values):.2f} ± {error:.2f}", f"{gaps.mean():+.2f} ± {half:.2f}"
        print(f"| {optimizer} | {found} | {beyond} | {seconds:.1f} |", flush=True)


def _ppo_space() -> dict[str, Any]:
    entries = yaml.safe_load((ROOT / "config.yaml").read_text())["search_spaces"]["ppo"]
    return {name: {"type": "float", "log": False, **entry} for name, entry in entries.items()}


if __name__ == "__main__":
    main()
