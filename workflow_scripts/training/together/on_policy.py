"""PPO, A2C and REINFORCE of several runs."""

import math

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from workflow_scripts.training.learners import on_policy
from workflow_scripts.training.learners.on_policy import Rollout, traded_and_earned
from workflow_scripts.training.learners.trading_agent import CLIP_GRAD_NORM
from workflow_scripts.training.together.graphs import Replayed
from workflow_scripts.training.together.stack import Stack

# Numbers of a hidden layer when a rollout is valued: what stays in a core's cache, and 256 MB of a GPU's memory.
HIDDEN_AT_ONCE = {"cpu": on_policy.HIDDEN_AT_ONCE, "cuda": 2**26}


class StackedPolicyGradient(Stack):
    """What ``PolicyGradient`` does, for several runs at once: tensors are (runs, steps, num_envs, …)."""

    varies = (*Stack.varies, "lambda_entropy", "lambda_gae_adv", "ratio_clip")

    def prepare(self) -> None:
        """Take the critics and the policies' noise."""
        self.cri = self.network("cri")
        self.log_std = self.act.weights["action_std_log"]  # (runs, 1, action_dim)
        first = self.agents[0]
        self.learns_values = first.settings.advantage_lambda() is not None
        self.at, self.next = (torch.tensor([place], device=self.device) for place in (0, 1))
        self.sums = torch.zeros(2, len(self.agents), device=self.device)

    def allot(self, steps: int) -> None:
        """Make the tensors of rounds of ``steps`` vector steps."""
        first, runs, envs, device = self.agents[0], len(self.agents), self.env.num_envs, self.device
        self.states = torch.zeros(runs, steps + 1, envs, self.env.whole.state_dim, device=device)
        self.actions, self.noise = (torch.zeros(runs, steps, envs, first.action_dim, device=device) for _ in range(2))
        self.rewards, self.undones, self.logprobs, self.scaled_advantages, self.returns = (
            torch.zeros(runs, steps, envs, device=device) for _ in range(5)
        )
        updates, batch = max(1, first.settings.updates(steps)), first.settings.batch_size
        self.drawn = torch.zeros(updates, runs, batch, dtype=torch.long, device=device)
        self.logprob = torch.zeros(self.drawn.shape[1:], device=self.device)
        self.entropy = torch.zeros(len(self.agents), device=self.device)
        self.step, self.update = Replayed(self._step, self.device), Replayed(self._update, self.device)
        self.steps = steps

    def learn(self, steps: int) -> list[dict[str, float]]:
        """Collect ``steps`` vector steps of each run, make the updates that follow, and return what each says."""
        settings = self.agents[0].settings
        asked = max(1, settings.updates(steps)), settings.batch_size
        if steps != self.steps or (len(self.drawn), self.drawn.shape[2]) != asked:
            self.allot(steps)
        self.explore(steps)
        values = self.judge_rollout()
        self.draw(steps)
        self.sums.zero_()
        self.at.zero_()
        for _ in range(len(self.drawn)):
            self.update()
        if self.notes:
            self.note(values)
        losses, objectives = (self.sums / len(self.drawn)).tolist()
        deviations = self.log_std.detach().mean(dim=(1, 2)).tolist()
        said = []
        for loss, objective, deviation in zip(losses, objectives, deviations, strict=True):
            of_critic = {"critic_loss": loss} if self.learns_values else {}
            said.append(of_critic | {"actor_objective": objective, "log_std": deviation})
        return said

    @torch.no_grad()
    def explore(self, steps: int) -> None:
        """Collect ``steps`` vector steps, starting each run's episodes anew where its data end."""
        for agent, noise, state in zip(self.agents, self.noise, self.states, strict=True):
            noise.normal_(generator=agent.generator)
            state[0] = agent.last_state
        self.undones.fill_(1)
        self.at.zero_()
        self.next.fill_(1)
        for step in range(steps):
            self.step()
            if ended := self.env.advance():
                values = self.cri.rollout(self.states[:, step + 1 : step + 2])[:, 0]
                for run in ended:
                    self.rewards[run, step] += self.settings.gamma[run] * values[run]
                    self.undones[run, step] = 0
                    self.states[run, step + 1] = self.env.reset(run)
        self.logprobs.copy_(-0.5 * self.noise.square().sum(dim=3) - self.normaliser()[:, None, None])
        for agent, state in zip(self.agents, self.states, strict=True):
            agent.last_state = state[steps].clone()

    @torch.no_grad()
    def _step(self) -> None:
        """Act and step the portfolios at ``at``, a place on the device."""
        means = self.act.rollout(self.states.index_select(1, self.at))[:, 0, :, :, 0]
        noise = self.noise.index_select(1, self.at)[:, 0]
        action = torch.addcmul(means, self.log_std.exp(), noise)
        taken = action.tanh() if self.agents[0].action_mode == "shares" else action
        state, reward, _ = self.env.step(taken)
        self.actions.index_copy_(1, self.at, action[:, None])
        self.rewards.index_copy_(1, self.at, reward[:, None])
        self.states.index_copy_(1, self.next, state[:, None])
        self.at += 1
        self.next += 1

    @torch.no_grad()
    def judge_rollout(self) -> Tensor:
        """Estimate advantages and returns of the rollout; return the values (runs, steps, num_envs) of its states."""
        states = self.states
        runs, steps, envs = self.rewards.shape
        widths = self.cri.network.widths
        together = max(1, HIDDEN_AT_ONCE[self.device.type] // (runs * envs * widths.rows * widths.hidden[0]))
        values = torch.cat([self.cri.rollout(part) for part in torch.split(states, together, dim=1)], dim=1)
        gamma = self.settings.gamma[:, :, None]
        decay = 1.0 if not self.learns_values else self.settings.advantage_lambda()[:, :, None]
        values, following = values[:, :steps], values[:, 1:]
        errors = self.rewards + gamma * self.undones * following - values
        advantages = discounted_sums(errors, gamma * decay * self.undones)
        self.returns.copy_(advantages + values)
        if self.agents[0].same_day_baseline:
            advantages = advantages - advantages.mean(dim=2, keepdim=True)
        mean = advantages.mean(dim=(1, 2), keepdim=True)
        deviation = advantages.std(dim=1 if steps > 1 else (1, 2), keepdim=True)
        self.scaled_advantages.copy_((advantages - mean) / (deviation + 1e-4))
        return values

    def draw(self, steps: int) -> None:
        """Draw the transitions of all updates; the rollout's last step is left out, as elegantrl does."""
        last = max(1, steps - 1)
        updates, _, batch = self.drawn.shape
        for run, agent in enumerate(self.agents):
            places = (updates, batch)
            drawn = torch.randint(last * self.env.num_envs, places, generator=agent.generator, device=self.device)
            self.drawn[:, run] = drawn % last * self.env.num_envs + drawn // last

    def _update(self) -> None:
        """Make the update at ``at`` of critics and policies."""
        drawn = self.drawn.index_select(0, self.at)[0]

        def pick(rows: Tensor) -> Tensor:
            return rows.flatten(1, 2)[self.runs, drawn]

        inputs = self.cri.inputs(pick(self.states))
        if self.learns_values:
            loss = smooth_l1_loss(self.cri.evaluate(inputs), pick(self.returns), reduction="none").mean(dim=1)
            self.optimizers["cri_optimizer"].minimise(loss, CLIP_GRAD_NORM)
            self.sums[0] += loss.detach()
        normaliser = self.normaliser()[:, None]
        difference = pick(self.actions) - self.act.evaluate(inputs)[..., 0]
        logprob = -0.5 * (difference * (-self.log_std).exp()).square().sum(dim=2) - normaliser
        objective = self.settings.objective(logprob, pick(self.logprobs), pick(self.scaled_advantages))
        entropy = normaliser[:, 0] + 0.5 * self.agents[0].action_dim
        of_runs = objective.mean(dim=1) + entropy * self.settings.lambda_entropy[:, 0]
        self.optimizers["act_optimizer"].minimise(-of_runs, CLIP_GRAD_NORM)
        self.sums[1] += of_runs.detach()
        self.logprob.copy_(logprob.detach())
        self.entropy.copy_(entropy.detach())
        self.at += 1

    def normaliser(self) -> Tensor:
        """Return Σ log σ + log 2π / 2 over each run's actions: what the log-probability of the mean is below 0."""
        constant: Tensor = self.log_std.sum(dim=(1, 2)) + 0.5 * self.log_std.shape[2] * math.log(2 * math.pi)
        return constant

    @torch.no_grad()
    def note(self, values: Tensor) -> None:
        """Let each agent note what its round was like."""
        steps = self.steps
        collected = self.logprobs.flatten(1)[self.runs, self.drawn[-1]]
        divergence = 0.5 * (collected - self.logprob).square().mean(dim=1)
        unexplained = (self.returns - values).flatten(1).var(dim=1) / self.returns.flatten(1).var(dim=1)
        numbers = torch.stack([self.entropy, divergence, 1 - unexplained], dim=1).tolist()
        for run, (agent, (entropy, kl, explained)) in enumerate(zip(self.agents, numbers, strict=True)):
            if agent.noted is None:
                continue
            agent.noted |= {"entropy": entropy, "kl": kl}
            if self.learns_values:
                agent.noted["explained_variance"] = explained
            own = self.states[run, :steps], self.actions[run], self.logprobs[run], self.rewards[run], self.undones[run]
            agent.noted |= traded_and_earned(Rollout(*own), self.env.envs[run])


def discounted_sums(terms: Tensor, decays: Tensor) -> Tensor:
    """Return, for each step, its term and what follows it times its decay; (runs, steps, num_envs).

    The recurrence is a scan (Hillis & Steele 1986): after k passes a sum reaches 2^k steps ahead.
    """
    reach, steps = 1, terms.shape[1]
    while reach < steps:
        ahead = decays[:, :-reach] * terms[:, reach:]
        decays = torch.cat([decays[:, :-reach] * decays[:, reach:], decays[:, -reach:]], dim=1)
        terms = torch.cat([terms[:, :-reach] + ahead, terms[:, -reach:]], dim=1)
        reach *= 2
    return terms
