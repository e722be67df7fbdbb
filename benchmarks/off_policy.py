"""How the off-policy agents learn from a day's reward, which is noise with a little signal.

``python benchmarks/off_policy.py critics`` trains SAC by rewards of one step and of several, and with the field's other
critics, and looks at what these see. ``python benchmarks/off_policy.py defaults`` trains SAC, TD3 and DDPG by steps and
updates. Each prints rows of a Markdown table: planted markets of 15 tickers and 2000 training days, of other seeds than
benchmarks/learning.py, judged on the 2000 days that follow. Ten and twenty CPU minutes.
"""

import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.learning import BUDGET
from benchmarks.shares import market_of, train, untrained
from workflow_scripts.data.fold_files import FoldData, Segment
from workflow_scripts.training.agents.base import agent_of
from workflow_scripts.training.environment.oracle import oracle_episode
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import TradingEnv
from workflow_scripts.training.learners.sac import SoftActorCritic
from workflow_scripts.training.learners.trading_agent import TradingAgent
from workflow_scripts.training.networks.market import Ensemble
from workflow_scripts.training.networks.shape import NetworkShape
from workflow_scripts.training.run.judge import evaluate_policy

ENVIRONMENT = EnvironmentSettings()
SEEDS = (200, 201)
# Of what is learned fast, a critic that learns faster shows more.
FEW_VECTOR_STEPS, FIRST_VECTOR_STEPS = 4800, 512
STATES = 4096  # in which a critic's slope is looked at
# What is compared by agent: rewards of how many steps, and updates per vector step. ModSAC learns as SAC does.
COMPARED = ((1, 0.5), (3, 0.5), (5, 0.5), (1, 0.25), (3, 0.25))


class OneCritic(SoftActorCritic):
    """No smaller one of two."""

    def make_critic(self, kinds: ModuleType, shape: NetworkShape) -> Ensemble:
        """Return one network."""
        return Ensemble([kinds.ActionValue(shape, self.action_dim)])


class Drawn(Ensemble):
    """An ensemble that shows two of its members, drawn anew each time, where it is told to."""

    two = False

    def evaluate(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return values, (members shown, batch)."""
        values = super().evaluate(inputs, action)
        return values[torch.randperm(len(values))[:2]] if self.two else values


class FiveCritics(SoftActorCritic):
    """The smaller one of two of five critics is the target, and the actor climbs the mean (REDQ, Chen et al. 2021)."""

    def make_critic(self, kinds: ModuleType, shape: NetworkShape) -> Ensemble:
        """Return five networks."""
        return Drawn([kinds.ActionValue(shape, self.action_dim) for _ in range(5)])

    def prepare(self, env: TradingEnv) -> None:
        """Let the targets be two at a time, and the actor's judge their mean."""
        super().prepare(env)
        judge, self.cri_target.two = self.cri_target.judge, True
        self.cri_target.judge = lambda inputs, action: judge(inputs, action).mean(dim=0, keepdim=True)


class NormedCritics(SoftActorCritic):
    """Layer normalisation after each hidden layer of the critics, as in BRO and SimBa."""

    def make_critic(self, kinds: ModuleType, shape: NetworkShape) -> Ensemble:
        """Return two networks."""
        critics: Ensemble = super().make_critic(kinds, shape)
        for member in critics.members:
            member.embedding, member.value = normed(member.embedding), normed(member.value)
        return critics


def normed(net: nn.Sequential) -> nn.Sequential:
    """Return the layers with a normalisation after each linear one but a last one that is the value."""
    layers: list[nn.Module] = []
    for layer in net:
        layers.append(layer)
        if isinstance(layer, nn.Linear) and layer.out_features > 1:
            layers.append(nn.LayerNorm(layer.out_features))
    return nn.Sequential(*layers)


class Quantiles(Ensemble):
    """Networks of 25 quantiles of the value each."""

    def quantiles(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return (members, batch, quantiles)."""
        return super().evaluate(inputs, action)

    def judge(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return the mean of all quantiles, (1, batch), which an actor climbs."""
        return self.quantiles(inputs, action).mean(dim=(0, 2))[None]


class QuantileCritics(SoftActorCritic):
    """Critics of quantiles, whose targets leave out the two largest per critic (TQC, Kuznetsov et al. 2020)."""

    count, left_out = 25, 2

    def make_critic(self, kinds: ModuleType, shape: NetworkShape) -> Ensemble:
        """Return two networks."""
        critics = Quantiles([kinds.ActionValue(shape, self.action_dim) for _ in range(2)])
        for member in critics.members:
            member.value[-1] = nn.Linear(member.value[-1].in_features, self.count)
        return critics

    def _update_critics(self) -> tuple[Tensor, Tensor]:
        state, action, returns, discounts, next_state = self.buffer.sample(self.settings.batch_size, self.generator)
        with torch.no_grad():
            inputs, next_inputs = self.act.inputs(state), self.act.inputs(next_state)
            next_action, logprob = self.sample_action(self.act.outputs(next_inputs))
            pooled = self.cri_target.quantiles(next_inputs, next_action).transpose(0, 1).flatten(1).sort(dim=1).values
            kept = pooled[:, : pooled.shape[1] - 2 * self.left_out] - self.alpha_log.exp() * logprob[:, None]
            target = returns[:, None] + discounts[:, None] * kept
        values = self.cri.quantiles(inputs, action)
        apart = target[None, :, None, :] - values[..., None]
        levels = ((torch.arange(self.count) + 0.5) / self.count)[:, None]
        huber = torch.where(apart.abs() < 1, 0.5 * apart.square(), apart.abs() - 0.5)
        loss = ((levels - (apart.detach() < 0).float()).abs() * huber).mean(dim=(1, 2, 3)).sum() * self.count
        self.optimizer_update(self.cri_optimizer, loss)
        self.soft_update(self.cri_target, self.cri, self.settings.soft_update_tau)
        return inputs, loss.detach()


@dataclass(frozen=True)
class Variant:
    """What learns, by rewards of how many steps, and whether the same day's mean reward is taken off."""

    learner: type[SoftActorCritic] = SoftActorCritic
    n_step: int = 1
    same_day_baseline: bool = True


VARIANTS = {
    "one step, two critics": Variant(),
    "`n_step` 2": Variant(n_step=2),
    "**`n_step` 3: the default**": Variant(n_step=3),
    "`n_step` 5": Variant(n_step=5),
    "`n_step` 10": Variant(n_step=10),
    "one step, one critic": Variant(OneCritic),
    "one step, five critics, two of them drawn": Variant(FiveCritics),
    "one step, layer normalisation": Variant(NormedCritics),
    "one step, quantiles": Variant(QuantileCritics),
    "one step, rewards with the market's moves": Variant(same_day_baseline=False),
}


@dataclass(frozen=True)
class Learned:
    """What a run has learned: its share of the oracle on unseen days, and the CPU seconds of the training."""

    agent: TradingAgent
    data: FoldData
    share: float
    cpu_seconds: float


def learn(
    agent: str, configuration: Mapping[str, float], market: str, seed: int, budget: int, variant: Variant | None = None
) -> Learned:
    """Train an agent, or a variant of SAC, on a market of the seed's own, and judge it on the days after."""
    data, settings = market_of(seed, market), agent_of(agent).of(dict(configuration))
    changed = {"learner": variant.learner, "same_day_baseline": variant.same_day_baseline} if variant else {}
    made, env = untrained(settings, data, ENVIRONMENT, seed, **changed)
    cpu_seconds = train(made, env, budget)
    sharpe = evaluate_policy(made, data.validation, ENVIRONMENT, "shared").sharpe or 0.0
    return Learned(made, data, sharpe / oracle_of(seed, market), cpu_seconds)


@cache
def oracle_of(seed: int, market: str) -> float:
    """Return the oracle's Sharpe ratio on a market's unseen days."""
    days = market_of(seed, market).validation
    return oracle_episode(days, signal_of(days), ENVIRONMENT)[0].sharpe or 0.0


def signal_of(window: Segment) -> NDArray[np.float64]:
    """Return the planted signal (days, tickers) of a window: its last feature."""
    return np.asarray(window.ticker_features[:, :, -1], dtype=np.float64)


def explained(agent: Any, data: FoldData) -> float:
    """Return the share of the rewards' variance, among the portfolios of a day, that the signal held explains."""
    rows, size = agent.buffer.rows, min(agent.buffer.added, agent.buffer.size)
    starts, signal = rows["starts"][:size], torch.as_tensor(signal_of(data.train), dtype=torch.float32)
    held = rows["portfolios"][(starts + 1) % len(rows["days"])][:, :, 1:]
    expected = (held * signal[rows["days"][starts]][:, None]).sum(dim=2)
    apart = [(each - each.mean(dim=1, keepdim=True)).flatten() for each in (expected, rows["rewards"][:size])]
    return float(torch.corrcoef(torch.stack(apart))[0, 1] ** 2)


def seen_by_critics(agent: Any, data: FoldData) -> float:
    """Return the correlation of the signal with what the actor climbs: the value's slope along each ticker's action."""
    state, *_ = agent.buffer.sample(STATES, agent.generator)
    with torch.no_grad():
        inputs = agent.act.inputs(state)
        action, _ = agent.sample_action(agent.act.outputs(inputs))
    action.requires_grad_()
    agent.cri_target.judge(inputs, action).amin(dim=0).sum().backward()
    slope = action.grad - action.grad.mean(dim=1, keepdim=True)
    signal = torch.as_tensor(signal_of(data.train), dtype=torch.float32)[state[:, 0].long()]
    apart = signal - signal.mean(dim=1, keepdim=True)
    return float(torch.corrcoef(torch.stack([slope.flatten(), apart.flatten()]))[0, 1])


def critics() -> None:
    """Print a row a variant of SAC as it is finished."""
    early, late = FIRST_VECTOR_STEPS, FEW_VECTOR_STEPS
    print(f"| SAC by | share of the oracle | signal in a reward | slope after {early} vector steps | {late} | CPU s |")
    print("|---|---|---|---|---|---|", flush=True)
    for name, variant in VARIANTS.items():
        first, runs = (
            [learn("sac", {"n_step": variant.n_step}, "strong", seed, steps, variant) for seed in SEEDS]
            for steps in (early, late)
        )
        slopes = [", ".join(f"{seen_by_critics(run.agent, run.data):.2f}" for run in each) for each in (first, runs)]
        shares = ", ".join(f"{run.share:.0%}" for run in runs)
        signal = statistics.mean(explained(run.agent, run.data) for run in runs)
        cpu_seconds = statistics.mean(run.cpu_seconds for run in runs)
        print(f"| {name} | {shares} | {signal:.1%} | {' | '.join(slopes)} | {cpu_seconds:.0f} |", flush=True)


def defaults() -> None:
    """Print a row an agent and configuration as it is finished."""
    markets = ("strong", "medium")
    print(f"| agent | `n_step` | `repeat_times` | {' | '.join(markets)} | CPU s |")
    print("|---|---|---|---|---|---|", flush=True)
    for agent in ("sac", "td3", "ddpg"):
        for n_step, updates in COMPARED:
            configuration = {"n_step": n_step, "repeat_times": updates}
            runs = {market: [learn(agent, configuration, market, seed, BUDGET) for seed in SEEDS] for market in markets}
            cells = [", ".join(f"{run.share:.0%}" for run in runs[market]) for market in markets]
            cpu_seconds = statistics.mean(run.cpu_seconds for each in runs.values() for run in each)
            print(f"| {agent} | {n_step} | {updates:g} | {' | '.join(cells)} | {cpu_seconds:.0f} |", flush=True)


if __name__ == "__main__":
    {"critics": critics, "defaults": defaults}[sys.argv[1]]()
