"""The portfolios of several runs as those of one environment, each run on its own market and its own day."""

from collections.abc import Sequence
from copy import copy

import torch
from torch import Tensor

from workflow_scripts.training.environment.trading_env import TradingEnv
from workflow_scripts.training.together.rows import stacked


class StackedEnv:
    """Steps the portfolios of several environments at once, by torch on any device.

    The environments keep what they know, and their portfolios are views of the shared ones: each one starts its own
    episodes, by its own random numbers.

    Attributes:
        days: (runs,) the present day of each run, on the device.

    """

    def __init__(self, envs: Sequence[TradingEnv]):
        first = envs[0]
        self.envs, self.num_envs, self.device = envs, first.num_envs, first.device
        self.whole = copy(first)  # all portfolios side by side, for the arithmetic of one environment
        self.whole.gather(envs)
        self.prices = stacked([env.prices for env in envs])
        self.runs = torch.arange(len(envs), device=self.device)
        self.days = torch.tensor([env.day for env in envs], device=self.device)

    def step(self, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Fill an action (runs, num_envs, action_dim) at the next day's close, on the device alone.

        Returns:
            The next state (runs, num_envs, 2 + tickers), rewards and turnovers (runs, num_envs).

        """
        runs, envs, _ = action.shape
        self.days += 1
        price = self.prices[self.runs, self.days].t()[:, :, None].expand(-1, -1, envs).flatten(1)
        before, reward = self.whole.asset.clone(), torch.empty(runs * envs, device=self.device)
        self.whole.trade_on_device(action.flatten(0, 1), price, reward)
        state = torch.empty(runs * envs, self.whole.state_dim, device=self.device)
        state[:, 0] = self.days[:, None].expand(-1, envs).flatten()
        self.whole.show_on_device(price, state)
        turnover = torch.where(before > 0, self.whole.traded / before, 0.0).float()  # a closed account trades nothing
        return state.view(runs, envs, -1), reward.view(runs, envs), turnover.view(runs, envs)

    def advance(self) -> list[int]:
        """Let the environments know that a step was made; return those whose day is the last one of its run."""
        for env in self.envs:
            env.day += 1
        return [run for run, env in enumerate(self.envs) if env.steps_left == 0]

    def reset(self, run: int) -> Tensor:
        """Start a run's next episode, and return its first state (num_envs, 2 + tickers)."""
        env = self.envs[run]
        state = env.reset()
        self.days[run] = env.day
        return state
