"""Why orders of whole shares learn little by elegantrl's scale of actions, and how far another scale brings PPO.

Prints a row of a Markdown table per run on a planted market of 15 tickers and 2000 training days (of other seeds than
benchmarks/learning.py), judged on the 2000 days that follow. Run it with ``python benchmarks/shares.py [scale …]``
(eight CPU seconds per run).
"""

import sys
import time
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor

from benchmarks.learning import BUDGET, FOLDS, MARKETS
from workflow_scripts.data.fold_files import FoldData
from workflow_scripts.data.folds import Fold, cut_fold
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.training.agents.base import Agent, agent_of
from workflow_scripts.training.compiled.choice import choose_learner
from workflow_scripts.training.environment.baselines import run_baseline
from workflow_scripts.training.environment.settings import DEAD_ZONE, EnvironmentSettings
from workflow_scripts.training.environment.trading_env import TradingEnv, make_env
from workflow_scripts.training.learners.trading_agent import TradingAgent
from workflow_scripts.training.run.judge import evaluate_policy
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.sharpe import Episode

SCALES = (1.0, 3.0, 10.0, 30.0)
SEEDS = (100, 101)
TICKERS, WARM_UP, UNSEEN_DAYS = 15, 320, 2000


@dataclass(frozen=True)
class Learned:
    """What one run learned: shares of the actions that order nothing, turnover, Sharpe ratios, CPU seconds."""

    dead_untrained: float
    dead: float
    turnover: float
    sharpe: float
    equal_weight: float
    cpu_seconds: float


@cache
def market_of(seed: int, market: str = "strong") -> FoldData:
    """Return a planted market of the seed's own, by how strong its signal is, or noise."""
    train_days = FOLDS["train_days"]
    start = train_days + FOLDS["purge_days"]
    bars = synthetic_bars(TICKERS, WARM_UP + start + UNSEEN_DAYS, MARKETS[market], 10, 0.01, seed)
    features = compute_features(bars, turbulence_days=60)
    return cut_fold(features, Fold(range(train_days), range(start, start + UNSEEN_DAYS)))[0]


def learn(scale: float, seed: int) -> Learned:
    """Train the default PPO once on a market of the seed's own, and judge on the days after."""
    data, environment = market_of(seed), EnvironmentSettings(action_mode="shares", action_scale=scale)
    agent, env = untrained(agent_of("ppo").of({}), data, environment, seed)
    _, dead_untrained = judge(agent, data, environment)
    cpu_seconds = train(agent, env, BUDGET)
    episode, dead = judge(agent, data, environment)
    equal = run_baseline("equal_weight", data.validation, environment)
    sharpes = (each.sharpe or 0.0 for each in (episode, equal))
    return Learned(dead_untrained, dead, float(episode.turnover.mean()), *sharpes, cpu_seconds)


def untrained(
    settings: Agent,
    data: FoldData,
    environment: EnvironmentSettings,
    seed: int,
    learner: type[TradingAgent] | None = None,
    **more: Any,
) -> tuple[TradingAgent, TradingEnv]:
    """Return what learns by hyperparameters in a run, or another learner, and the environment that it trains in."""
    env = make_env(data.train, environment, "shared", TrainingSettings().num_envs, seed, random_start=True)
    learner = learner or choose_learner(settings, environment, "shared", "cpu")
    return learner(data.train, env, settings, "shared", seed=seed, **more), env


def train(agent: TradingAgent, env: TradingEnv, budget: int) -> float:
    """Train on one thread; return the CPU seconds."""
    torch.set_num_threads(1)
    began = time.process_time()
    for _ in agent.train(env, budget):
        pass
    return time.process_time() - began


def judge(agent: TradingAgent, data: FoldData, environment: EnvironmentSettings) -> tuple[Episode, float]:
    """Return an agent's episode on unseen days, and the share of its actions that order nothing."""
    seen: list[Tensor] = []
    to_env = agent.to_env
    agent.to_env = lambda action: seen.append(to_env(action)) or seen[-1]
    episode = evaluate_policy(agent, data.validation, environment, "shared")
    agent.to_env = to_env
    return episode, float((torch.cat(seen).abs() * environment.action_scale < DEAD_ZONE).double().mean())


def main() -> None:
    """Print a row a run as it is finished."""
    print(
        "| seed | `action_scale` | in the dead zone, untrained | trained | traded a day | Sharpe, unseen days "
        "| equal weight | CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    scales = [float(each) for each in sys.argv[1:]] or SCALES
    for seed, scale in product(SEEDS, scales):
        run = learn(scale, seed)
        print(
            f"| {seed} | {scale:g} | {run.dead_untrained:.1%} | {run.dead:.1%} | {run.turnover:.1%} "
            f"| {run.sharpe:.2f} | {run.equal_weight:.2f} | {run.cpu_seconds:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
