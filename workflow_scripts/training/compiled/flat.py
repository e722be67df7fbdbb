"""SAC, ModSAC, DDPG and TD3 with networks ``flat`` and compiled updates.

A network's gradient is written out in kernels; what is small stays torch's: targets, optimizers, exploration.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor

from workflow_scripts.training.compiled import kernels
from workflow_scripts.training.compiled.arrays import Arrays, arrays, empty, gradients, layers_for, weights_of
from workflow_scripts.training.environment.trading_env import TradingEnv
from workflow_scripts.training.learners.ddpg import SATURATION_PENALTY, DeterministicPolicyGradient
from workflow_scripts.training.learners.off_policy import BufferedAgent
from workflow_scripts.training.learners.sac import ModifiedSoftActorCritic, SoftActorCritic
from workflow_scripts.training.learners.trading_agent import CLIP_GRAD_NORM


class Perceptron:
    """A network's weights as kernels take them, and the layers that they write for a batch.

    Attributes:
        outputs: (batch, outputs) of the last ``run``; where a gradient is asked for, the slopes by them go there.

    """

    def __init__(self, net: Any):
        weights = weights_of(net[::2])
        self.weights, self.gradient = arrays(weights), gradients(weights)

    def allot(self, batch: int) -> None:
        """Make the layers of a batch."""
        self.layers = layers_for(self.weights, batch)
        self.outputs = torch.from_numpy(self.layers[2])

    def run(self, rows: Arrays) -> Tensor:
        """Return the outputs for rows, or for as many of their first columns as the network has inputs."""
        kernels.perceptron(rows, self.weights, self.layers)
        return self.outputs


class CompiledFlat(BufferedAgent):
    """What the agents share: networks, the rows that they see of a batch, the critics' update, slopes by actions."""

    kernels: ClassVar[Any] = kernels

    def prepare(self, env: TradingEnv) -> None:
        """Take the weights."""
        super().prepare(env)
        self.actor = Perceptron(self.act.net)
        self.critics, self.aims = (
            [Perceptron(member.net) for member in ensemble.members] for ensemble in (self.cri, self.cri_target)
        )
        self.perceptrons = [self.actor, *self.critics, *self.aims]
        self.batch = 0

    def allot(self, batch: int) -> None:
        """Make the arrays of updates of a batch."""
        for network in self.perceptrons:
            network.allot(batch)
        inputs, (hidden, narrow) = self.act.widths.inputs, self.act.widths.hidden
        self.rows, self.turned, self.by_action = empty(
            (batch, inputs + self.action_dim), (self.action_dim, hidden), (batch, self.action_dim)
        )
        self.back = empty((batch, hidden), (batch, narrow))
        self.actions = torch.from_numpy(self.rows)[:, inputs:]
        self.batch = batch

    def next_values(self) -> Tensor:
        """Return the value (batch,) of the states in ``rows``, for which it chooses actions."""
        raise NotImplementedError

    @torch.no_grad()
    def _update_critics(self) -> tuple[Tensor, Any]:
        drawn = self.buffer.draw(self.settings.batch_size, self.generator)
        if len(drawn) != self.batch:
            self.allot(len(drawn))
        self._look_up(drawn, following=True)
        value = self.next_values()
        discounts = self.buffer.rows["discounts"][drawn // self.buffer.num_envs]
        targets = self.buffer.rows["returns"].flatten()[drawn] + discounts * value
        self._look_up(drawn, following=False)
        self.cri_optimizer.gradient.zero_()
        loss = 0.0
        for critic in self.critics:
            work = critic.weights, critic.gradient, critic.layers, self.back
            loss += kernels.perceptron_critic(self.rows, targets.numpy(), *work)
        self.cri_optimizer.step(CLIP_GRAD_NORM)
        self.soft_update(self.cri_target, self.cri, self.settings.soft_update_tau)
        return drawn, loss

    def _look_up(self, drawn: Tensor, following: bool) -> None:
        names = "ends" if following else "starts", "days", "portfolios", "actions"
        buffer = tuple(self.buffer.rows[name].numpy() for name in names)
        seen = self.act.table.numpy(), self.act.shape.portfolio_scale, following
        kernels.flat_rows(drawn.numpy(), buffer, *seen, self.rows)

    def least_value(self) -> Tensor:
        """Return the smallest of the target critics' values (batch,) of states and actions in ``rows``."""
        return torch.stack([aim.run(self.rows)[:, 0] for aim in self.aims]).amin(dim=0)

    def slope_by_action(self, number: int, add: bool = False) -> Tensor:
        """Return the slopes (batch, action_dim) by actions from those by a target critic's values, or add them."""
        aim = self.aims[number]
        kernels.perceptron_slopes(aim.weights, aim.layers, self.back, self.turned, self.by_action, add)
        return torch.from_numpy(self.by_action)

    def step_actor(self) -> None:
        """Make a step of the actor by the slopes that stand in its outputs."""
        self.act_optimizer.gradient.zero_()
        kernels.perceptron_back(self.rows, self.actor.weights, self.actor.gradient, self.actor.layers, self.back)
        self.act_optimizer.step(CLIP_GRAD_NORM)


class CompiledFlatSAC(CompiledFlat, SoftActorCritic):
    """What ``SoftActorCritic`` does with networks ``flat``."""

    def allot(self, batch: int) -> None:
        """Make the arrays of updates of a batch."""
        super().allot(batch)
        (self.drawn_actions,) = empty((batch * self.action_dim, 1))
        self.logprobs = torch.empty(batch)
        self.by_ticker = self.actor.layers[2].reshape(-1, 2)

    def draw_actions(self) -> Tensor:
        """Draw actions by the policy into ``rows``; return their log-probabilities (batch,)."""
        self.actor.run(self.rows)
        noise = self.normal(torch.Size((self.batch, self.action_dim))).numpy()
        written = self.drawn_actions, self.logprobs.numpy(), self.rows
        kernels.flat_sample(self.by_ticker, self.act.shape.initial_log_std, noise, *written)
        return self.logprobs

    def next_values(self) -> Tensor:
        """Return the value (batch,) of the states in ``rows``, for which it draws actions."""
        logprob = self.draw_actions()
        return self.least_value() - self.alpha_log.exp() * logprob

    def _update_actor(self, inputs: Tensor) -> None:
        logprob = self.draw_actions()
        self.move_temperature(logprob)
        with torch.no_grad():
            least, share = self.least_value(), 1 / self.batch
            of_first = torch.where(self.aims[0].outputs[:, 0] == least, -share, 0.0)
            self.aims[0].outputs[:, 0] = of_first
            self.aims[1].outputs[:, 0] = -share - of_first
            self.slope_by_action(0)
            slopes = self.slope_by_action(1, add=True).view(-1, 1).numpy()
            temperature = float(self.alpha_log.exp())
            kernels.flat_sample_back(slopes, self.drawn_actions, self.by_ticker, temperature, self.batch)
            self.step_actor()
        if self.noted is not None:
            self.noted["entropy"] = -float(logprob.mean())


class CompiledFlatModSAC(CompiledFlatSAC, ModifiedSoftActorCritic):
    """What ``ModifiedSoftActorCritic`` does with networks ``flat``."""


class CompiledFlatDDPG(CompiledFlat, DeterministicPolicyGradient):
    """What ``DeterministicPolicyGradient`` does with networks ``flat``."""

    def prepare(self, env: TradingEnv) -> None:
        """Take the weights, the target policy's too."""
        super().prepare(env)
        self.aim_actor = Perceptron(self.act_target.net)
        self.perceptrons.append(self.aim_actor)

    def next_values(self) -> Tensor:
        """Return the value (batch,) of the states in ``rows``, where the target policy acts."""
        self.actions.copy_(self.target_action(self.aim_actor.run(self.rows)))
        return self.least_value()

    @torch.no_grad()
    def _update_actor(self, inputs: Tensor) -> Tensor:
        output, first = self.actor.run(self.rows), self.aims[0]
        action = output.tanh()
        self.actions.copy_(action)
        objective = first.run(self.rows).mean()
        first.outputs.fill_(-1 / self.batch)
        slopes = self.slope_by_action(0) * (1 - action.square())
        output.mul_(2 * SATURATION_PENALTY / output.numel()).add_(slopes)
        self.step_actor()
        self.soft_update(self.act_target, self.act, self.settings.soft_update_tau)
        return objective
