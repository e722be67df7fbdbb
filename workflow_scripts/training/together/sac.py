"""SAC of several runs."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss, softplus

from workflow_scripts.training.learners.off_policy import ACTION_SCALE
from workflow_scripts.training.learners.sac import ALPHA_LOG_RANGE
from workflow_scripts.training.learners.trading_agent import CLIP_GRAD_NORM
from workflow_scripts.training.together.graphs import Replayed
from workflow_scripts.training.together.networks import StackedNetwork
from workflow_scripts.training.together.replay import StackedReplay
from workflow_scripts.training.together.rows import StackedAdamW, draw_in_turn
from workflow_scripts.training.together.stack import Stack

# Updates whose random numbers lie in memory at once.
DRAWN_AT_ONCE = 32


class StackedSAC(Stack):
    """What ``SoftActorCritic`` does, for several runs at once: tensors are (runs, batch, …)."""

    varies = (*Stack.varies, "n_step", "alpha", "target_entropy", "soft_update_tau")

    def prepare(self) -> None:
        """Take critics, targets, temperatures and buffers, and what updates work with."""
        runs, device = len(self.agents), self.device
        self.cri, self.aims = self.network("cri"), self.network("cri_target")
        self.temperature: StackedAdamW = self.optimizers["alpha_optimizer"]
        (self.alpha_log,) = self.temperature.leaves  # (runs, 1)
        self.buffer = StackedReplay([agent.buffer for agent in self.agents])
        self.at, self.next = (torch.tensor([place], device=device) for place in (0, 1))
        self.losses, self.entropy = torch.zeros(runs, device=device), torch.zeros(runs, device=device)
        self.batch = 0

    def allot_updates(self, batch: int) -> None:
        """Make what updates of ``batch`` transitions draw."""
        runs, device, actions = len(self.agents), self.device, self.agents[0].action_dim
        self.drawn = torch.zeros(DRAWN_AT_ONCE, runs, batch, dtype=torch.long, device=device)
        self.noise = torch.zeros(DRAWN_AT_ONCE, 2, runs, batch, actions, device=device)
        self.update, self.batch = Replayed(self._update, device), batch

    def allot(self, steps: int) -> None:
        """Make the tensors of rounds of ``steps`` vector steps."""
        runs, envs, device = len(self.agents), self.env.num_envs, self.device
        self.states = torch.zeros(runs, steps + 1, envs, self.env.whole.state_dim, device=device)
        self.actions = torch.zeros(runs, steps, envs, self.agents[0].action_dim, device=device)
        self.explored = torch.zeros_like(self.actions)
        self.rewards, self.turnovers = (torch.zeros(runs, steps, envs, device=device) for _ in range(2))
        self.step, self.step_at_random = (Replayed(step, device) for step in (self._step, self._step_at_random))
        self.steps = steps

    def learn(self, steps: int) -> list[dict[str, float]]:
        """Collect ``steps`` vector steps of each run, make the updates that follow, and return what each says."""
        if steps != self.steps:
            self.allot(steps)
        if (batch := self.agents[0].settings.batch_size) != self.batch:
            self.allot_updates(batch)
        self.explore(steps)
        updates = max(1, self.agents[0].settings.updates(steps))
        self.losses.zero_()
        for first in range(0, updates, DRAWN_AT_ONCE):
            count = min(DRAWN_AT_ONCE, updates - first)
            self.draw(count)
            self.at.zero_()
            for _ in range(count):
                self.update()
        if self.notes:
            for agent, entropy in zip(self.agents, self.entropy.tolist(), strict=True):
                if agent.noted is not None:
                    agent.noted["entropy"] = entropy
        numbers = torch.stack([self.losses / updates, self.alpha_log.detach().exp()[:, 0]], dim=1).tolist()
        return [{"critic_loss": loss, "alpha": alpha, "actor_updates": 1.0} for loss, alpha in numbers]

    @torch.no_grad()
    def explore(self, steps: int) -> None:
        """Collect ``steps`` vector steps into the buffers; the first collection of all acts uniformly at random."""
        at_random = self.agents[0].buffer.added == 0
        step_once = self.step_at_random if at_random else self.step
        for agent, explored, state in zip(self.agents, self.explored, self.states, strict=True):
            draw_in_turn(explored, agent.generator, uniform=at_random)
            state[0] = agent.last_state
        self.at.zero_()
        self.next.fill_(1)
        finals: dict[tuple[int, int], Tensor] = {}
        for step in range(steps):
            step_once()
            for run in self.env.advance():
                finals[run, step] = self.states[run, step + 1].clone()
                self.states[run, step + 1] = self.env.reset(run)
        baseline = self.rewards.mean(dim=2, keepdim=True) if self.agents[0].same_day_baseline else 0
        self.buffer.add(self.states, self.actions, self.rewards - baseline, finals)
        for agent, state in zip(self.agents, self.states, strict=True):
            agent.last_state = state[steps].clone()
        if self.notes:
            means = torch.stack([self.rewards, self.turnovers]).double().mean(dim=(2, 3)).t().tolist()
            for agent, (reward, turnover) in zip(self.agents, means, strict=True):
                if agent.noted is not None:
                    agent.noted |= {"reward": reward, "turnover": turnover}

    @torch.no_grad()
    def _step(self) -> None:
        """Act by the policies, and step the portfolios, at ``at``, a place on the device."""
        outputs = self.act.rollout(self.states.index_select(1, self.at))[:, 0]
        action, _ = self.sample(outputs, self.explored.index_select(1, self.at)[:, 0])
        self._trade(action)

    @torch.no_grad()
    def _step_at_random(self) -> None:
        self._trade(self.explored.index_select(1, self.at)[:, 0])

    def _trade(self, action: Tensor) -> None:
        state, reward, turnover = self.env.step(action * ACTION_SCALE[self.agents[0].action_mode])
        self.actions.index_copy_(1, self.at, action[:, None])
        self.rewards.index_copy_(1, self.at, reward[:, None])
        self.turnovers.index_copy_(1, self.at, turnover[:, None])
        self.states.index_copy_(1, self.next, state[:, None])
        self.at += 1
        self.next += 1

    def sample(self, outputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions (runs, batch, action_dim) within [-1, 1] and their log-probabilities (runs, batch)."""
        mean, log_std = self.agents[0].act.mean_and_log_std(outputs.flatten(0, 1))
        mean, log_std = mean.view_as(noise), log_std.view_as(noise)
        drawn = mean + log_std.exp() * noise
        gaussian = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
        logprob = gaussian - 2 * (math.log(2) - drawn - softplus(-2 * drawn))
        return drawn.tanh(), logprob.sum(dim=2)

    def draw(self, count: int) -> None:
        """Draw what the next updates need: on a CPU in the order of an agent alone, elsewhere kind by kind."""
        batch = self.drawn.shape[2]
        for run, agent in enumerate(self.agents):
            if self.device.type == "cpu":
                for update in range(count):
                    self.drawn[update, run] = agent.buffer.draw(batch, agent.generator)
                    for noise in self.noise[update, :, run]:
                        noise.normal_(generator=agent.generator)
            else:
                self.drawn[:count, run] = agent.buffer.draw(count * batch, agent.generator).view(count, batch)
                self.noise[:count, :, run] = torch.empty_like(self.noise[:count, :, run]).normal_(
                    generator=agent.generator
                )

    def _update(self) -> None:
        """Make the update at ``at`` of critics, policies and temperatures."""
        drawn = self.drawn.index_select(0, self.at)[0]
        of_next, of_action = self.noise.index_select(0, self.at)[0]
        state, action, returns, discounts, next_state = self.buffer.take(drawn)
        with torch.no_grad():
            inputs, next_inputs = self.act.inputs(state), self.act.inputs(next_state)
            next_action, logprob = self.sample(self.act.evaluate(next_inputs), of_next)
            value = self.least_value(self.aims, next_inputs, next_action) - self.alpha_log.exp() * logprob
            target = returns + discounts * value
        joined = self.cri[0].joined(inputs, action)
        losses = [smooth_l1_loss(one.evaluate(joined), target, reduction="none").mean(dim=1) for one in self.cri]
        loss = torch.stack(losses).sum(dim=0)
        critics = self.optimizers["cri_optimizer"]
        critics.minimise(loss, CLIP_GRAD_NORM)
        self.targets["cri_target"].lerp_(critics.weights, self.settings.soft_update_tau)
        self.losses += loss.detach()
        self._update_policies(inputs, of_action)
        self.at += 1

    def _update_policies(self, inputs: Tensor, noise: Tensor) -> None:
        action, logprob = self.sample(self.act.evaluate(inputs), noise)
        wanted = self.settings.target_entropy * self.agents[0].action_dim
        loss = -(self.alpha_log * (logprob + wanted).detach()).mean(dim=1)
        self.temperature.minimise(loss, CLIP_GRAD_NORM)
        with torch.no_grad():
            self.alpha_log.clamp_(*ALPHA_LOG_RANGE)
        value = self.least_value(self.aims, inputs, action)
        objective = (value - self.alpha_log.detach().exp() * logprob).mean(dim=1)
        self.optimizers["act_optimizer"].minimise(-objective, CLIP_GRAD_NORM)
        self.entropy.copy_(-logprob.detach().mean(dim=1))

    @staticmethod
    def least_value(networks: Sequence[StackedNetwork], inputs: Tensor, action: Tensor) -> Tensor:
        """Return the smallest of the networks' values, (runs, batch)."""
        joined = networks[0].joined(inputs, action)
        return torch.stack([network.evaluate(joined) for network in networks]).amin(dim=0)
