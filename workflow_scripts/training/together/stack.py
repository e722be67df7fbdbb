"""What the stacked learners share: agents whose weights, moments and portfolios are rows of shared tensors."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from workflow_scripts.training.environment.trading_env import TradingEnv
from workflow_scripts.training.networks.market import Ensemble
from workflow_scripts.training.together.environment import StackedEnv
from workflow_scripts.training.together.networks import stacked_ensemble, stacked_network
from workflow_scripts.training.together.rows import StackedAdamW, named, stacked, stacked_weights


class Stack:
    """Agents of several runs that learn side by side, in rounds of as many vector steps and updates.

    The agents are those that would learn alone. What they have becomes rows of shared tensors, so that they are saved,
    restored and judged as ever; their random numbers come from their own generators, in the order of an agent alone.
    No operation mixes rows: a run that diverges leaves the others alone.

    Attributes:
        varies: hyperparameters that may differ between the runs, where the agent has them.
        agents: the runs' agents.
        env: their environments as one.
        settings: the agent's hyperparameters, those that vary as tensors (runs, 1).

    """

    varies: ClassVar[tuple[str, ...]] = ("learning_rate", "gamma", "weight_decay", "feature_noise")

    def __init__(self, agents: Sequence[Any], envs: Sequence[TradingEnv], bfloat16: bool = False):
        first = agents[0]
        self.agents, self.device, self.bfloat16 = agents, first.device, bfloat16
        self.env = StackedEnv(envs)
        self.runs = torch.arange(len(agents), device=self.device)[:, None]
        varies = [name for name in self.varies if name in type(first.settings).model_fields]
        self.of_each = {name: torch.zeros(len(agents), 1, device=self.device) for name in varies}
        self.settings: Any = type(first.settings).model_construct(**dict(first.settings) | self.of_each)
        self.table = stacked([agent.act.table for agent in agents])
        for agent, table in zip(agents, self.table, strict=True):
            for name in agent.networks:
                getattr(agent, name).show(table[: len(agent.act.table)])
        self.optimizers = {name: StackedAdamW([getattr(agent, name) for agent in agents]) for name in first.optimizers}
        self.targets: dict[str, Tensor] = {}
        self.act = self.network("act")
        self.steps = 0
        self.refresh()
        self.prepare()

    def prepare(self) -> None:
        """Make what the kind of agent has beside its policy."""

    def network(self, name: str) -> Any:
        """Return the agents' networks of a name as one; an ensemble as one network per member.

        Gradients flow to the weights that an optimizer has; those of a target are in ``targets``.
        """
        of_agents = [getattr(agent, name) for agent in self.agents]
        if (optimizer := self.optimizers.get(f"{name}_optimizer")) is not None:
            names = [key for key, _ in of_agents[0].named_parameters()]
            weights = dict(zip(names, optimizer.leaves, strict=True))
        else:
            self.targets[name] = stacked_weights(of_agents)
            weights = named(self.targets[name], of_agents[0])
        stack = stacked_ensemble if isinstance(of_agents[0], Ensemble) else stacked_network
        made: Any = stack(of_agents[0], weights, self.table, self.bfloat16)
        return made

    def refresh(self) -> None:
        """Take the agents' hyperparameters as they now are."""
        for name, values in self.of_each.items():
            values.copy_(torch.tensor([[getattr(agent.settings, name)] for agent in self.agents]))
        for optimizer in self.optimizers.values():
            optimizer.refresh()

    @property
    def notes(self) -> bool:
        """Whether an agent notes what the present round is like."""
        return any(agent.noted is not None for agent in self.agents)

    def make_round(self, steps: int) -> list[dict[str, float]]:
        """Learn as ``TradingAgent.make_round`` does: a run's noise lies in the table for as long as the round takes."""
        noisy = [agent for agent in self.agents if agent.settings.feature_noise]
        tables = [agent.act.table.clone() for agent in noisy]
        for agent, table in zip(noisy, tables, strict=True):
            agent.act.table.copy_(agent.with_noise(table))
        said = self.learn(steps)
        for agent, table in zip(noisy, tables, strict=True):
            agent.act.table.copy_(table)
        return said

    def learn(self, steps: int) -> list[dict[str, float]]:
        """Collect ``steps`` vector steps of each run, make the updates that follow, and return what each says."""
        raise NotImplementedError
