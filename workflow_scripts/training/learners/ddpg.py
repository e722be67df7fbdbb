"""The learner of DDPG and TD3."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from workflow_scripts.training.agents.ddpg import DDPG
from workflow_scripts.training.learners.off_policy import BufferedAgent

TARGET_NOISE_CLIP = 0.5
SATURATION_PENALTY = 0.03


class DeterministicPolicyGradient(BufferedAgent):
    """DDPG and TD3.

    Mended: on the noise of its first critics elegantrl's actor runs into the flat ends of tanh, and stays there.
    Squared outputs before tanh are penalised, as Andrychowicz et al. (2017, appendix A) do.
    """

    networks: ClassVar[tuple[str, ...]] = ("act", "act_target", "cri", "cri_target")
    noise = "none"
    settings: DDPG
    act_target: Any

    def explore_action(self, outputs: Tensor) -> Tensor:
        """Return actions within [-1, 1], with the noise of exploration, for a policy network's outputs."""
        action = outputs[:, :, 0].tanh()
        return (action + self.settings.explore_noise_std * self.normal(action.shape)).clamp(-1, 1)

    def update_net(self, updates: int) -> dict[str, float]:
        """Make updates from the buffer, and return what they say."""
        critic_losses = values = torch.zeros((), device=self.device)
        interval = self.settings.critic_updates_per_actor_update()
        for number in range(updates):
            inputs, loss = self._update_critics()
            critic_losses = critic_losses + loss
            if number % interval == 0:
                values = values + self._update_actor(inputs)
        return {
            "critic_loss": float(critic_losses) / updates,
            "actor_objective": float(values) / -(-updates // interval),
        }

    def _update_critics(self) -> tuple[Tensor, Tensor]:
        state, action, returns, discounts, next_state = self.buffer.sample(self.settings.batch_size, self.generator)
        with torch.no_grad():
            inputs, next_inputs = self.act.inputs(state), self.act.inputs(next_state)
            next_action = self.target_action(self.act_target.evaluate(next_inputs))
            value = self.cri_target.evaluate(next_inputs, next_action).amin(dim=0)
        return inputs, self.update_critics(inputs, action, returns + discounts * value)

    def target_action(self, outputs: Tensor) -> Tensor:
        """Return the target policy's actions (batch, action_dim), smoothed by noise, for its network's outputs."""
        return (outputs.tanh() + self.smoothing(outputs.shape)).clamp(-1, 1)

    def smoothing(self, shape: torch.Size) -> Tensor:
        """Return the noise that smooths the target policy, TD3's (Fujimoto et al. 2018, eq. 14)."""
        if deviation := self.settings.target_noise_std():
            return (deviation * self.normal(shape)).clamp(-TARGET_NOISE_CLIP, TARGET_NOISE_CLIP)
        return torch.zeros(shape, device=self.device)

    def _update_actor(self, inputs: Tensor) -> Tensor:
        output = self.act.evaluate(inputs)
        objective: Tensor = self.cri_target.judge(inputs, output.tanh())[0].mean()
        self.optimizer_update(self.act_optimizer, SATURATION_PENALTY * output.square().mean() - objective)
        self.soft_update(self.act_target, self.act, self.settings.soft_update_tau)
        return objective.detach()
