"""DDPG and TD3 with networks ``shared`` and compiled updates."""

from typing import Any

import torch
from torch import Tensor

from workflow_scripts.training.compiled import kernels
from workflow_scripts.training.compiled.arrays import arrays, rates, weights_of
from workflow_scripts.training.compiled.off_policy import CompiledShared
from workflow_scripts.training.environment.trading_env import TradingEnv
from workflow_scripts.training.learners.ddpg import SATURATION_PENALTY, DeterministicPolicyGradient
from workflow_scripts.training.learners.trading_agent import CLIP_GRAD_NORM


class CompiledDDPG(CompiledShared, DeterministicPolicyGradient):
    """What ``DeterministicPolicyGradient`` does with networks ``shared`` and no action for cash."""

    def prepare(self, env: TradingEnv) -> None:
        """Take the target policy too."""
        super().prepare(env)
        self.aim_actor = arrays(weights_of(self.act_target.scores[::2]))

    @torch.no_grad()
    def _update_critics(self) -> tuple[Tensor, Any]:
        drawn = self.buffer.draw(self.settings.batch_size, self.generator)
        noise = self.smoothing(torch.Size((len(drawn), self.action_dim)))
        return drawn, self.step_critics(drawn, noise, self.aim_actor)

    @torch.no_grad()
    def _update_actor(self, inputs: Tensor) -> Any:
        """Make an update of the actor; ``inputs`` are the places of the transitions drawn."""
        objective = kernels.ddpg_actor_gradient(
            inputs.numpy(),
            self.memory(),
            self.act.table.numpy(),
            SATURATION_PENALTY,
            self.actor,
            self.actor_gradient,
            self.turned_actor,
            self.aims,
            self.turned_aims,
            (*self.work, *self.more_work),
        )
        kernels.adamw(*self.actor_step, *rates(self.act_optimizer), CLIP_GRAD_NORM)
        self.soft_update(self.act_target, self.act, self.settings.soft_update_tau)
        return objective
