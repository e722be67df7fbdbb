"""Do the agents learn what is there, and nothing else? Planted and null markets, judged on days it never saw.

Prints a Markdown table and draws the learning curves (docs/learning.svg); each run trains on a market of its own and is
judged on the 4000 days that follow. Run it with ``python benchmarks/learning.py [agent …]`` (PPO's seven cases about
ten minutes on one core, each off-policy agent about nine); only a run of all agents draws.
"""

import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from workflow_scripts.analysis.figures import figure
from workflow_scripts.data.fold_files import Segment
from workflow_scripts.data.folds import Fold, cut_fold
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.training.agents.base import agent_of
from workflow_scripts.training.environment.baselines import run_baseline
from workflow_scripts.training.environment.oracle import oracle_episode
from workflow_scripts.training.environment.settings import ActionMode, EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.networks.shape import Architecture
from workflow_scripts.training.run.judge import evaluate_policy
from workflow_scripts.training.sharpe import Episode, judge_episode, sharpe_ratio

CURVES = Path(__file__).resolve().parents[1] / "docs" / "learning.svg"
WARM_UP, PURGE_DAYS, VALIDATION_DAYS = 61, 5, 4000
STRONG = 0.0015
# Tickers, training days and strength of the signal. What all numbers of 15 tickers say is more than 2000 days can tell.
MARKETS = {"planted": (15, 2000, STRONG), "null": (15, 2000, 0.0), "planted, 3 tickers": (3, 6000, STRONG)}
NUM_ENVS = 32
# Vector steps and hyperparameters of each agent.
TRAININGS: dict[str, tuple[int, dict[str, Any]]] = {
    "ppo": (12_800, {"lambda_entropy": 1e-4, "horizon_len": 256, "repeat_times": 32}),
    "a2c": (12_800, {"lambda_entropy": 1e-4}),
    "ddpg": (6400, {"learning_rate": 1e-3, "soft_update_tau": 0.05, "explore_noise_std": 0.8}),
    "td3": (6400, {"learning_rate": 1e-3, "soft_update_tau": 0.05, "explore_noise_std": 1.0}),
    "sac": (4800, {"learning_rate": 6e-4, "soft_update_tau": 0.05, "target_entropy": 0.4}),
    "modsac": (4800, {"learning_rate": 6e-4, "soft_update_tau": 0.05, "target_entropy": 0.4}),
}
FLAT: dict[str, dict[str, Any]] = {"a2c": {"learning_rate": 3e-4}}  # what differs with flat networks
GAMMA = 0.9
SEEDS = range(5)
CURVE_POINTS = 12
CASES = (
    ("ppo", "planted", "shared", "tilt"),
    ("ppo", "null", "shared", "tilt"),
    ("ppo", "planted", "shared", "weights"),
    ("ppo", "planted", "flat", "tilt"),
    ("ppo", "planted", "flat", "weights"),
    ("ppo", "planted", "flat", "shares"),
    *((agent, "planted", "shared", "tilt") for agent in ("a2c", "ddpg", "td3", "sac", "modsac")),
    *((agent, "planted, 3 tickers", "flat", "tilt") for agent in TRAININGS),
)


@dataclass(frozen=True)
class Learned:
    """What one run learned: annualised Sharpe ratios, CPU seconds of its training, and on the way the curve: vector
    steps and the Sharpe ratio on unseen days, 0 while the policy does not trade.
    """

    sharpe: float | None
    training_sharpe: float | None
    oracle: float
    equal_weight: float
    cpu_seconds: float
    curve: list[tuple[int, float]]


def learn(agent_name: str, market: str, architecture: Architecture, action_mode: ActionMode, seed: int) -> Learned:
    """Train once on a market of the seed's own, and judge on the days after."""
    torch.set_num_threads(1)
    tickers, train_days, strength = MARKETS[market]
    start = train_days + PURGE_DAYS
    bars = synthetic_bars(tickers, WARM_UP + start + VALIDATION_DAYS, strength, 10, 0.01, seed)
    features = compute_features(bars, turbulence_days=60)
    data, _ = cut_fold(features, Fold(range(train_days), range(start, start + VALIDATION_DAYS)))
    environment = EnvironmentSettings(action_mode=action_mode)
    signal = features.indicators[start : start + VALIDATION_DAYS, :, -1]
    oracle, _ = oracle_episode(data.validation, signal, environment)
    began = time.process_time()
    env = make_env(data.train, environment, architecture, NUM_ENVS, seed, random_start=True)
    budget, hyperparameters = TRAININGS[agent_name]
    own = FLAT.get(agent_name, {}) if architecture == "flat" else {}
    settings = agent_of(agent_name).of({"gamma": GAMMA, **hyperparameters, **own})
    agent = settings.learner()(data.train, env, settings, architecture, seed=seed)

    def judge(segment: Segment) -> Episode:
        return evaluate_policy(agent, segment, environment, architecture)

    def unseen_sharpe() -> float:
        episode = judge(data.validation)
        return sharpe_ratio(episode.daily_returns) if episode.turnover.any() else 0.0

    curve = [(0, unseen_sharpe())]
    cpu_seconds, began = time.process_time() - began, time.process_time()
    for said in agent.train(env, budget):
        if (steps := int(said["steps"])) - curve[-1][0] >= budget / CURVE_POINTS or steps == budget:
            cpu_seconds += time.process_time() - began
            curve.append((steps, unseen_sharpe()))
            began = time.process_time()
    result = judge_episode(judge(data.validation), judge(data.train))
    equal = run_baseline("equal_weight", data.validation, environment)
    return Learned(
        result.sharpe,
        result.training_sharpe,
        sharpe_ratio(oracle.daily_returns),
        sharpe_ratio(equal.daily_returns),
        cpu_seconds,
        curve,
    )


def main() -> None:
    """Print a row a case as it is finished."""
    print(
        "| agent | market | architecture | action mode | Sharpe, unseen days | on training days | share of the oracle "
        "| beats equal weight | CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    asked = sys.argv[1:]
    learned: dict[str, list[Learned]] = {}
    for agent, market, architecture, action_mode in CASES:
        if asked and agent not in asked:
            continue
        runs = [learn(agent, market, architecture, action_mode, seed) for seed in SEEDS]
        if (market, architecture, action_mode) == ("planted", "shared", "tilt"):
            learned[agent] = runs
        traded = [run for run in runs if run.sharpe is not None]
        sharpes = [run.sharpe for run in traded if run.sharpe is not None]
        shown = f"{statistics.mean(sharpes):.2f} ± {statistics.stdev(sharpes):.2f}" if len(sharpes) > 1 else "flat"
        training = statistics.mean(run.training_sharpe or 0.0 for run in traded) if traded else 0.0
        share = statistics.mean((run.sharpe or 0.0) / run.oracle for run in traded) if traded else 0.0
        better = sum((run.sharpe or 0.0) > run.equal_weight for run in runs)
        cpu = statistics.median(run.cpu_seconds for run in runs)
        flat = f" ({len(runs) - len(traded)} flat)" if len(traded) < len(runs) else ""
        oracle = "—" if market == "null" else f"{share:.0%}"
        print(
            f"| {agent} | {market} | {architecture} | {action_mode} | {shown}{flat} | {training:.2f} | {oracle} "
            f"| {better} of {len(runs)} | {cpu:.0f} |",
            flush=True,
        )
    if not asked:
        draw_curves(learned, CURVES)


def draw_curves(learned: dict[str, list[Learned]], path: Path) -> None:
    """Draw each agent's mean share of the oracle on unseen days, and its range over the seeds, over its budget."""
    with figure(path, height=5, legend_columns=6) as axes:
        axes.set_title("Planted market, shared networks, tilt: learning curves on unseen days, five seeds")
        for number, (agent, runs) in enumerate(learned.items()):
            steps = np.asarray([step for step, _ in runs[0].curve])
            shares = np.asarray([[sharpe / run.oracle for _, sharpe in run.curve] for run in runs])
            axes.fill_between(steps, shares.min(axis=0), shares.max(axis=0), color=f"C{number}", alpha=0.15)
            axes.plot(steps, shares.mean(axis=0), color=f"C{number}", label=agent)
        axes.axhline(0.4, color="#888888", linewidth=0.8, linestyle=":")
        axes.set_xlabel(f"vector steps (one is {NUM_ENVS} env-steps)")
        axes.set_ylabel("Sharpe ratio as a share of the oracle's")


if __name__ == "__main__":
    main()
