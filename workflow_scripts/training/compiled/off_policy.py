"""What the compiled off-policy agents with networks ``shared`` have in common."""

from typing import Any, ClassVar

from torch import Tensor

from workflow_scripts.training.compiled import kernels
from workflow_scripts.training.compiled.arrays import (
    Arrays,
    arrays,
    empty,
    gradients,
    optimizer_arrays,
    rates,
    weights_of,
)
from workflow_scripts.training.environment.trading_env import TradingEnv
from workflow_scripts.training.learners.adamw import as_one_vector
from workflow_scripts.training.learners.off_policy import BufferedAgent
from workflow_scripts.training.learners.trading_agent import CLIP_GRAD_NORM
from workflow_scripts.training.networks.market import Ensemble


class CompiledShared(BufferedAgent):
    """Actor and critics as kernels take them, the arrays that blocks of rows write over, and the critics' update."""

    kernels: ClassVar[Any] = kernels

    def prepare(self, env: TradingEnv) -> None:
        """Take the arrays in which weights and gradients lie, and those that kernels work in."""
        super().prepare(env)
        scores = weights_of(self.act.scores[::2])
        self.actor, self.actor_gradient = arrays(scores), gradients(scores)
        self.all_aims = as_one_vector(list(self.cri_target.parameters()))
        critics, aims = _weights(self.cri), _weights(self.cri_target)
        self.critics, self.critic_gradients = tuple(map(arrays, critics)), tuple(map(gradients, critics))
        self.aims = tuple(map(arrays, aims))
        self.actor_step, self.critic_step = map(optimizer_arrays, (self.act_optimizer, self.cri_optimizer))
        (width, narrow), inputs = self.act.widths.hidden, self.act.widths.inputs
        block = max(1, kernels.ROWS_AT_ONCE // env.tickers)
        rows = block * env.tickers
        of_rows = [(rows, size) for size in (inputs + 1, width, narrow, width, self.act.outputs_per_action)]
        self.work = empty(*of_rows, (block, narrow), (block, narrow), (block, narrow), (block, 1), (block, 1))
        self.more_work = empty((rows, width), (rows, narrow), (block, narrow), (rows, 1))
        self.turned_actor = empty((inputs, width), (width, narrow))
        of_a_critic = (inputs + 1, width), (width, narrow), (narrow, narrow)
        self.turned_critics, self.turned_aims = (
            tuple(empty(*of_a_critic) for _ in range(self.settings.critics)) for _ in range(2)
        )

    def step_critics(self, drawn: Tensor, noise: Tensor, policy: Arrays, temperature: float | None = None) -> float:
        """Make an update of the critics and their targets; return the loss before it.

        Args:
            drawn: (batch,) places of the transitions.
            noise: see ``kernels.critic_gradients``.
            policy: weights of the one that acts in the states that followed.
            temperature: of a policy that draws its actions.

        """
        loss: float = kernels.critic_gradients(
            drawn.numpy(),
            self.memory(),
            self.act.table.numpy(),
            noise.numpy(),
            temperature is not None,
            self.act.shape.initial_log_std,
            temperature or 0.0,
            policy,
            self.turned_actor,
            self.critics,
            self.critic_gradients,
            self.turned_critics,
            self.aims,
            self.turned_aims,
            self.work,
        )
        kernels.adamw(*self.critic_step, *rates(self.cri_optimizer), CLIP_GRAD_NORM)
        self.all_aims.lerp_(self.cri_optimizer.weights, self.settings.soft_update_tau)
        return loss

    def memory(self) -> Arrays:
        """Return the buffer as kernels take it."""
        names = "starts", "days", "portfolios", "actions", "returns", "ends", "discounts"
        return tuple(self.buffer.rows[name].numpy() for name in names)


def _weights(ensemble: Ensemble) -> list[list[Tensor]]:
    """Return weights and biases of the members' layers before the mean over tickers and after it."""
    members: list[Any] = list(ensemble.members)
    return [weights_of([*member.embedding[::2], *member.value[::2]]) for member in members]
