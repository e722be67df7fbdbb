"""SAC and ModSAC with networks ``shared`` and compiled updates."""

import math
from typing import Any

import torch
from torch import Tensor

from workflow_scripts.training.compiled import kernels
from workflow_scripts.training.compiled.arrays import Arrays, empty, market_part, optimizer_arrays, rates
from workflow_scripts.training.compiled.off_policy import CompiledShared
from workflow_scripts.training.environment.trading_env import TradingEnv
from workflow_scripts.training.learners.off_policy import ACTION_SCALE
from workflow_scripts.training.learners.sac import ALPHA_LOG_RANGE, ModifiedSoftActorCritic, SoftActorCritic
from workflow_scripts.training.learners.trading_agent import CLIP_GRAD_NORM
from workflow_scripts.training.networks.market import first_layer


class CompiledSAC(CompiledShared, SoftActorCritic):
    """What ``SoftActorCritic`` does with networks ``shared`` and no action for cash."""

    def prepare(self, env: TradingEnv) -> None:
        """Take the temperature too."""
        super().prepare(env)
        self.temperature_step = optimizer_arrays(self.alpha_optimizer)
        self.whole: Arrays = ()

    @torch.no_grad()
    def explore(self, env: TradingEnv, steps: int) -> None:
        """Collect ``steps`` vector steps into the buffer, in one kernel but for the first collection, at random."""
        if self.buffer.added == 0 or env.for_a_kernel() is None:
            super().explore(env, steps)
            return
        states = torch.empty(steps + 1, env.num_envs, env.state_dim)
        actions, noise = (torch.empty(steps, env.num_envs, env.action_dim) for _ in range(2))
        rewards, turnovers = (torch.empty(steps, env.num_envs) for _ in range(2))
        for step in range(steps):  # as many at once would be other numbers
            noise[step].normal_(generator=self.generator)
        states[0] = self.last_state
        done = 0
        while done < steps:
            part = slice(done, done := min(steps, done + env.steps_left))
            self._walk(
                env, states[part.start : done + 1], *(each[part] for each in (noise, actions, rewards, turnovers))
            )
            kept = rewards[part] - rewards[part].mean(dim=1, keepdim=True) if self.same_day_baseline else rewards[part]
            for step in range(part.start, done):
                day, last = env.day - (done - step - 1), step == done - 1 and env.steps_left == 0
                self.buffer.add(states[step], actions[step], kept[step - part.start], states[step + 1], day, last)
            if env.steps_left == 0:
                states[done] = env.reset()
        self.last_state = states[steps].clone()
        if self.noted is not None:
            self.noted |= {"reward": float(rewards.double().mean()), "turnover": float(turnovers.double().mean())}

    def _walk(self, env: TradingEnv, states: Tensor, noise: Tensor, *written: Tensor) -> None:
        """Act and step the portfolios within one run of days."""
        market, own = market_part(first_layer(self.act.scores), self.act.table, env.days_ahead(len(noise)))
        kernels.sac_walk(
            noise.numpy(),
            self.act.shape.initial_log_std,
            ACTION_SCALE[self.action_mode],
            market,
            own,
            self.actor[2:],
            *self.work[1:3],
            self.work[4],
            self.turned_actor[1],
            *(env.for_a_kernel() or ()),
            states.numpy(),
            *(each.numpy() for each in written),
        )
        env.day += len(noise)

    @torch.no_grad()
    def _update_critics(self) -> tuple[Tensor, Any]:
        drawn = self.buffer.draw(self.settings.batch_size, self.generator)
        noise = self.normal(torch.Size((len(drawn), self.action_dim)))
        return drawn, self.step_critics(drawn, noise, self.actor, math.exp(self.temperature_step[0][0]))

    @torch.no_grad()
    def _update_actor(self, inputs: Tensor) -> None:
        """Make an update of actor and temperature; ``inputs`` are the places of the transitions drawn."""
        drawn, rows = inputs, len(inputs) * self.action_dim
        noise, logprobs = self.normal(torch.Size((len(drawn), self.action_dim))), torch.empty(len(drawn))
        if not self.whole or len(self.whole[0]) != rows:
            widths = self.act.widths
            self.whole = empty(*((rows, size) for size in (widths.inputs + 1, *widths.hidden, 2)))
        kernels.sac_act(
            drawn.numpy(),
            self.memory(),
            self.act.table.numpy(),
            noise.numpy(),
            self.act.shape.initial_log_std,
            self.actor,
            self.turned_actor,
            self.whole,
            logprobs.numpy(),
            len(self.work[5]),
        )
        self.move_temperature(logprobs)
        kernels.sac_actor_gradient(
            math.exp(self.temperature_step[0][0]),
            self.actor,
            self.actor_gradient,
            self.aims,
            self.turned_aims,
            self.whole,
            (*self.work, *self.more_work),
        )
        kernels.adamw(*self.actor_step, *rates(self.act_optimizer), CLIP_GRAD_NORM)
        if self.noted is not None:
            self.noted["entropy"] = -float(logprobs.mean())

    def move_temperature(self, logprob: Tensor) -> None:
        """Make an update of the temperature, whose loss −log α × mean(log π + wanted entropy) has a plain gradient."""
        logarithm, gradient = self.temperature_step[:2]
        gradient[0] = -(logprob.numpy().mean() + self.settings.target_entropy * self.action_dim)
        kernels.adamw(*self.temperature_step, *rates(self.alpha_optimizer), CLIP_GRAD_NORM)
        logarithm[0] = min(max(logarithm[0], ALPHA_LOG_RANGE[0]), ALPHA_LOG_RANGE[1])


class CompiledModSAC(CompiledSAC, ModifiedSoftActorCritic):
    """What ``ModifiedSoftActorCritic`` does with networks ``shared`` and no action for cash."""
