"""The learners of SAC and ModSAC."""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from workflow_scripts.training.agents.modsac import ModSAC
from workflow_scripts.training.agents.sac import SAC
from workflow_scripts.training.environment.trading_env import TradingEnv
from workflow_scripts.training.learners.adamw import AdamW
from workflow_scripts.training.learners.off_policy import BufferedAgent

ALPHA_LOG_RANGE = (-16.0, 2.0)


class SoftActorCritic(BufferedAgent):
    """SAC.

    Mended: elegantrl takes the log-probability at the mean instead of the action. Kept from it: the actor climbs the
    target critics, and the temperature learns four times as fast as the networks.
    """

    optimizers = ("act_optimizer", "cri_optimizer", "alpha_optimizer")
    faster: ClassVar[Mapping[str, float]] = {"alpha_optimizer": 4}
    tensors: ClassVar[tuple[str, ...]] = ("alpha_log",)
    noise = "state"
    settings: SAC

    def prepare(self, env: TradingEnv) -> None:
        """Make the buffer, and the temperature."""
        super().prepare(env)
        self.alpha_log = torch.full((1,), math.log(self.settings.alpha), requires_grad=True, device=self.device)
        self.alpha_optimizer = AdamW([self.alpha_log], self.settings.learning_rate * self.faster["alpha_optimizer"])

    def sample_action(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions within [-1, 1] and their log-probabilities, (batch,) (Haarnoja et al. 2018, appendix C)."""
        mean, log_std = self.act.mean_and_log_std(outputs)
        noise = self.normal(mean.shape)
        drawn = mean + log_std.exp() * noise
        gaussian = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
        logprob = gaussian - 2 * (math.log(2) - drawn - softplus(-2 * drawn))
        return drawn.tanh(), logprob.sum(dim=1)

    def explore_action(self, outputs: Tensor) -> Tensor:
        """Return actions within [-1, 1], drawn from the policy."""
        action, _ = self.sample_action(outputs)
        return action

    def update_net(self, updates: int) -> dict[str, float]:
        """Make updates from the buffer, and return what they say."""
        critic_losses, actor_updates = torch.zeros((), device=self.device), 0
        for number in range(1, updates + 1):
            inputs, loss = self._update_critics()
            critic_losses = critic_losses + loss
            self.note_critic_loss(loss)
            if self.actor_is_due(actor_updates, number):
                actor_updates += 1
                self._update_actor(inputs)
        return {
            "critic_loss": float(critic_losses) / updates,
            "alpha": float(self.alpha_log.detach().exp()),
            "actor_updates": actor_updates / updates,
        }

    def note_critic_loss(self, loss: Tensor) -> None:
        """Take note of a critic loss: SAC has no use for it."""

    def actor_is_due(self, actor_updates: int, number: int) -> bool:
        """Return whether the actor is updated at this update: always."""
        return True

    def _update_critics(self) -> tuple[Tensor, Tensor]:
        state, action, returns, discounts, next_state = self.buffer.sample(self.settings.batch_size, self.generator)
        with torch.no_grad():
            inputs, next_inputs = self.act.inputs(state), self.act.inputs(next_state)
            next_action, logprob = self.sample_action(self.act.outputs(next_inputs))
            value = self.cri_target.evaluate(next_inputs, next_action).amin(dim=0) - self.alpha_log.exp() * logprob
        return inputs, self.update_critics(inputs, action, returns + discounts * value)

    def _update_actor(self, inputs: Tensor) -> None:
        action, logprob = self.sample_action(self.act.outputs(inputs))
        self.move_temperature(logprob)
        objective = (self.cri_target.judge(inputs, action).amin(dim=0) - self.alpha_log.detach().exp() * logprob).mean()
        self.optimizer_update(self.act_optimizer, -objective)
        if self.noted is not None:
            self.noted["entropy"] = -float(logprob.detach().mean())

    def move_temperature(self, logprob: Tensor) -> None:
        """Make an update of the temperature, by log-probabilities (batch,), which the actor's update then takes."""
        wanted = self.settings.target_entropy * self.action_dim
        temperature_loss = -(self.alpha_log * (logprob + wanted).detach()).mean()
        self.optimizer_update(self.alpha_optimizer, temperature_loss)
        with torch.no_grad():
            self.alpha_log.clamp_(*ALPHA_LOG_RANGE)


class ModifiedSoftActorCritic(SoftActorCritic):
    """ModSAC.

    Mended: elegantrl never counts the actor's updates, so that its ModSAC is SAC. The rate falls from every update,
    where the mean critic loss is 0, to every second one (two-time-scale update, Heusel et al. 2017).
    """

    tensors = ("alpha_log", "mean_loss")
    settings: ModSAC

    def prepare(self, env: TradingEnv) -> None:
        """Make the buffer, the temperature and the mean critic loss."""
        super().prepare(env)
        self.mean_loss = torch.ones((), device=self.device)

    def note_critic_loss(self, loss: Tensor) -> None:
        """Let the mean critic loss follow."""
        self.mean_loss += self.settings.reliable_tau * (loss - self.mean_loss)

    def actor_is_due(self, actor_updates: int, number: int) -> bool:
        """Return whether the actor has had fewer updates than the critics' reliability allows."""
        reliability = math.exp(-(float(self.mean_loss) ** 2))
        return actor_updates / number < 1 / (2 - reliability)
