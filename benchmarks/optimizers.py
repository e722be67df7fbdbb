"""Is an optimizer better than random search at equal cost? Four games over PPO's ten hyperparameters.

Every optimizer runs in the rounds and through the functions that the workflow calls; what counts is the true value of
the incumbent.

- ``noisy``: a trial's score is the function plus noise. ``smac_live`` is the package's own loop, one trial at a time.
- ``steps``: a trial at a lower budget costs less, scores less, and flatters a short horizon (more updates in as many
  steps), though a long one is better; as ``fidelity: steps`` may.
- ``runs``: a trial judged on fewer runs costs less and has more noise; as ``fidelity: runs`` has.
- ``changing``: what a member gains in an interval depends on hyperparameters whose best values move during the
  training; ``random`` is as many members that keep a random configuration.

Prints a Markdown table per game, and one of what a round's proposals take after 200 trials (``time``). Run it with
``python benchmarks/optimizers.py [seeds] [game …]``; 20 seeds of all games take hours on one core, most of it SMAC's.
"""

import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
import yaml
from ConfigSpace import Configuration, ConfigurationSpace
from scipy.stats import t
from smac import HyperparameterOptimizationFacade

from workflow_scripts.sweeps.history import Score, at_full_budget, rank
from workflow_scripts.sweeps.optimizers.base import PACKAGE, Optimizer, Proposal, Request, Round
from workflow_scripts.sweeps.proposals import choose
from workflow_scripts.sweeps.search_space import build_space, to_dict
from workflow_scripts.sweeps.smac_facade import UnsavedScenario
from workflow_scripts.training.agents.ppo import PPO
from workflow_scripts.workflow.registry import find
from workflow_scripts.workflow.seeds import derive_seed

ROOT = Path(__file__).resolve().parents[1]
NOISE, TRIALS, ROUND_SIZE, DESIGN = 0.25, 50, 5, 10
BUDGET, MIN_BUDGET, RUNS, MIN_RUNS, ETA = 900, 100, 9, 1, 3
MEMBERS, INTERVALS, QUANTILE = 20, 20, 0.25
FIXED = ("net_dims_0", "net_dims_1")
EARLIER = 200
GAMES = {
    "noisy": ("random", "smac", "smac_live", "smac_gp", "tpe", "optuna_gp"),
    "steps": ("random", "smac_hyperband", "dehb"),
    "runs": ("random", "smac_hyperband", "dehb"),
    "changing": ("random", "pbt", "pb2"),
}


def sweep(name: str, fidelity: str = "steps") -> tuple[Optimizer, list[Round]]:
    """Return an optimizer and the rounds of about TRIALS full trials."""
    optimizer = optimizer_of(
        name,
        {"round_size": ROUND_SIZE, "initial_design": DESIGN, "budget": BUDGET, "min_budget": MIN_BUDGET}
        | {"fidelity": fidelity, "min_runs": MIN_RUNS, "eta": ETA},
    )
    rounds = next(count for count in itertools.count(1) if cost(optimizer.schedule(count + 1, RUNS)) > TRIALS)
    return optimizer, optimizer.schedule(rounds, RUNS)


def optimizer_of(name: str, values: dict[str, Any]) -> Optimizer:
    """Return an optimizer with those of the values that it reads."""
    kind: type[Optimizer] = find(PACKAGE, name, Optimizer)
    return kind.of({key: value for key, value in values.items() if key in kind.model_fields})


def cost(rounds: Sequence[Round]) -> float:
    """Return the cost of rounds in full trials."""
    return sum(round_.size * round_.budget * round_.runs for round_ in rounds) / BUDGET / RUNS


def true_value(configuration: Configuration) -> float:
    """Return the value, to be maximised: 2.7 where all is right; five of ten entries matter, two together."""
    unit = configuration.get_array()
    near = np.exp(-(((unit[:5] - 0.7) / 0.35) ** 2))
    return float(near[:3].sum() * 0.6 + near[3] * near[4] * 0.9)


def score(
    number: int, place: int, budget: int, values: Sequence[float], proposal: Proposal, parent: int | None = None
) -> Score:
    """Return a trial of a game, with the values of its runs."""
    configuration, mean = to_dict(proposal.configuration), statistics.fmean(values)
    runs = [{"fold": fold, "seed": 0, "value": value} for fold, value in enumerate(values)]
    return Score("toy", number, place, budget, "ok", None, mean, None, configuration, runs, parent)


def play_rounds(space: ConfigurationSpace, optimizer: str, seed: int, fidelity: str = "steps") -> tuple[float, float]:
    """Return the true value of the incumbent, and the CPU seconds of the last round's proposals."""
    (proposer, rounds), rng = sweep(optimizer, fidelity), np.random.default_rng(derive_seed(seed, "noise"))
    history: list[Score] = []
    took = 0.0
    horizon = list(space.keys()).index("horizon_len")
    judged: dict[Configuration, np.ndarray[Any, Any]] = {}
    for number, round_ in enumerate(rounds):
        began = time.process_time()
        members = choose(proposer, Request(space, history, rounds[: number + 1], seed, runs=RUNS))
        took = time.process_time() - began
        for place, member in enumerate(members):
            configuration = member.configuration
            lacks = (1 - round_.budget / BUDGET) * float(configuration.get_array()[horizon])
            if fidelity == "steps":
                noise = np.full(round_.runs, NOISE * rng.standard_normal())
            else:  # a rung keeps the runs of the rung below
                if configuration not in judged:
                    judged[configuration] = NOISE * RUNS**0.5 * rng.standard_normal(RUNS)
                noise = judged[configuration][: round_.runs]
            values = (true_value(configuration) - lacks + noise).tolist()
            history.append(score(number, place, round_.budget, values, member))
    best = rank(at_full_budget(history))[0]
    return true_value(Configuration(space, values=best.configuration)), took


def play_live_smac(space: ConfigurationSpace, _optimizer: str, seed: int) -> tuple[float, float]:
    """Return the true value of the incumbent of SMAC's own loop, and the CPU seconds of as many trials as a round."""
    rng = np.random.default_rng(derive_seed(seed, "noise"))
    seen: list[tuple[float, float]] = []

    def target(configuration: Configuration, seed: int = 0) -> float:
        value = true_value(configuration)
        seen.append((value + NOISE * rng.standard_normal(), value))
        return -seen[-1][0]

    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        scenario = UnsavedScenario(
            space, deterministic=True, n_trials=TRIALS, seed=derive_seed(seed, "live"), output_directory=Path(folder)
        )
        design = HyperparameterOptimizationFacade.get_initial_design(scenario, n_configs=DESIGN)
        HyperparameterOptimizationFacade(
            scenario, target, initial_design=design, overwrite=True, logging_level=False
        ).optimize()
    return max(seen)[1], (time.process_time() - began) * ROUND_SIZE / TRIALS


def gain(configuration: Configuration, interval: int) -> float:
    """Return what a member gains in an interval; the best values move from 0.2 to 0.8 of their ranges."""
    unit = configuration.get_array()[:4]
    return float(0.25 * np.exp(-(((unit - 0.2 - 0.6 * interval / INTERVALS) / 0.25) ** 2)).mean())


def play_population(space: ConfigurationSpace, optimizer: str, seed: int) -> tuple[float, float]:
    """Return the best member's true value after all intervals, and the CPU seconds of the last proposals."""
    rng = np.random.default_rng(derive_seed(seed, "noise"))
    values = {"round_size": MEMBERS, "interval": 1, "quantile": QUANTILE, "budget": INTERVALS}
    proposer, rounds = optimizer_of(optimizer, values), optimizer_of("pb2", values).schedule(INTERVALS, 1)
    reached: list[float] = [0.0] * MEMBERS
    history: list[Score] = []
    took = 0.0
    for number in range(INTERVALS):
        began = time.process_time()
        if number == 0 or optimizer != "random":
            members = choose(proposer, Request(space, history, rounds[: number + 1], seed, FIXED))
        took = time.process_time() - began
        before = reached
        reached = [
            (before[place if member.parent is None else member.parent] if number else 0.0)
            + gain(member.configuration, number)
            for place, member in enumerate(members)
        ]
        history += [
            score(number, place, number + 1, [reached[place] + 0.05 * rng.standard_normal()], each, each.parent)
            for place, each in enumerate(members)
        ]
    last = [each for each in history if each.round == INTERVALS - 1]
    return reached[rank(last)[0].trial], took


def time_proposals(space: ConfigurationSpace, optimizer: str) -> tuple[int, float]:
    """Return how many trials the first full round after EARLIER trials proposes, and in how many CPU seconds."""
    proposer, _ = sweep(optimizer)
    rounds = proposer.schedule(EARLIER, RUNS)
    space.seed(0)
    rng, history, number = np.random.default_rng(0), list[Score](), 0
    while len(history) < EARLIER or rounds[number].size < rounds[0].size:
        for place in range(rounds[number].size):
            drawn = Proposal(space.sample_configuration())
            values = [float(rng.standard_normal())] * rounds[number].runs
            history.append(score(number, place, rounds[number].budget, values, drawn))
        number += 1
    began = time.process_time()
    choose(proposer, Request(space, history, rounds[: number + 1], seed=0, runs=RUNS))
    return rounds[number].size, time.process_time() - began


def print_times(space: ConfigurationSpace) -> None:
    """Print a row per optimizer that proposes rounds of trials."""
    print(f"\n| after {EARLIER} trials | trials proposed | CPU s |\n|---|---|---|")
    for optimizer in dict.fromkeys((*GAMES["noisy"], *GAMES["steps"])):
        if optimizer != "smac_live":
            proposed, took = time_proposals(space, optimizer)
            print(f"| {optimizer} | {proposed} | {took:.1f} |", flush=True)


def player(game: str, optimizer: str) -> Callable[[ConfigurationSpace, str, int], tuple[float, float]]:
    """Return what plays an optimizer."""
    if optimizer == "smac_live":
        return play_live_smac
    if game == "changing":
        return play_population
    return partial(play_rounds, fidelity="runs" if game == "runs" else "steps")


def main() -> None:
    """Print a table per game, a row per optimizer as it is finished; differences to random are paired by seed."""
    torch.set_num_threads(1)
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    for game in sys.argv[2:] or (*GAMES, "time"):
        space = build_space(_ppo_space(), PPO)
        if game == "time":
            print_times(space)
            continue
        print(
            f"\n| {game} | true value of the incumbent, {len(seeds)} seeds | beyond random | CPU s of the last round |"
        )
        print("|---|---|---|---|", flush=True)
        random: list[float] = []
        for optimizer in GAMES[game]:
            played = [player(game, optimizer)(space, optimizer, seed) for seed in seeds]
            values = [value for value, _ in played]
            random = random or values
            gaps = np.asarray(values) - np.asarray(random)
            seconds = statistics.median(took for _, took in played)
            found, beyond = f"{statistics.mean(values):.2f}", f"{gaps.mean():+.2f}"
            if len(seeds) > 1:
                found += f" ± {statistics.stdev(values) / len(values) ** 0.5:.2f}"
                beyond += f" ± {t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / len(gaps) ** 0.5:.2f}"
            else:
                beyond += ", no interval from one seed"
            beyond = "" if optimizer == "random" else beyond
            print(f"| {optimizer} | {found} | {beyond} | {seconds:.1f} |", flush=True)


def _ppo_space() -> dict[str, Any]:
    entries = yaml.safe_load((ROOT / "search_spaces" / "ppo.yaml").read_text(encoding="utf-8"))
    return {name: {"type": "float", "log": False, **entry} for name, entry in entries.items()}


if __name__ == "__main__":
    main()
