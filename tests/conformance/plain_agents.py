"""PPO and SAC without any of the product's short cuts, on its networks and environment, for the tests to compare with.

Every state passes whole through every network, one step after the other; transitions are kept whole; torch.optim steps.
"""

import torch
from elegantrl.agents import AgentPPO

from workflow_scripts.training.learners.off_policy import ACTION_SCALE
from workflow_scripts.training.learners.on_policy import PolicyGradient, Rollout
from workflow_scripts.training.learners.sac import SoftActorCritic
from workflow_scripts.training.learners.trading_agent import CLIP_GRAD_NORM


class Plain:
    clip_grad_norm = CLIP_GRAD_NORM

    def prepare(self, env):
        super().prepare(env)
        for name in self.optimizers:
            own = getattr(self, name)
            for weight in own.params:
                weight.data, weight.grad = weight.data.clone(), None
            setattr(self, name, torch.optim.AdamW(own.params, own.lr))

    def optimizer_update(self, optimizer, objective):
        AgentPPO.optimizer_update(self, optimizer, objective)


class PlainPPO(Plain, PolicyGradient):
    @torch.no_grad()
    def explore(self, env, steps):
        noise = torch.empty(steps, env.num_envs, env.action_dim).normal_(generator=self.generator)
        log_std, rows = self.act.action_std_log, []
        for step in range(steps):
            state = self.last_state
            action = self.act(state) + log_std.exp() * noise[step]
            logprob = torch.distributions.Normal(self.act(state), log_std.exp()).log_prob(action).sum(dim=1)
            self.last_state, reward, truncated = env.step(self.to_env(action))
            undone = torch.full_like(reward, 1 - truncated)
            if truncated:
                reward = reward + self.gamma * self.cri(self.last_state)
                self.last_state = env.reset()
            rows.append((state, action, logprob, reward, undone))
        return Rollout(*(torch.stack(column) for column in zip(*rows, strict=True)))

    def values(self, states):
        return torch.stack([self.cri(state) for state in states])

    def advantages(self, rewards, undones, values):
        return AgentPPO.get_advantages_origin(self, rewards, undones, values)


class PlainSAC(Plain, SoftActorCritic):
    def prepare(self, env):
        super().prepare(env)
        self.kept = []

    @torch.no_grad()
    def explore(self, env, steps):
        at_random = not self.kept
        for _ in range(steps):
            state = self.last_state
            if at_random:
                action = torch.empty(env.num_envs, env.action_dim).uniform_(-1, 1, generator=self.generator)
            else:
                action = self.explore_action(self.act.outputs(self.act.inputs(state)))
            self.last_state, reward, truncated = env.step(action * ACTION_SCALE[self.action_mode])
            self.kept.append((state, action, reward - reward.mean(), self.last_state, truncated))
            if truncated:
                self.last_state = env.reset()

    def transition(self, number, env):
        """A step and the rewards of ``n_step`` steps, or of fewer at an episode's or the collection's end."""
        state, action = (part[env] for part in self.kept[number][:2])
        total, discount = torch.zeros(()), torch.ones(())
        for _, _, reward, after, truncated in self.kept[number : number + self.settings.n_step]:
            total, discount, next_state = total + discount * reward[env], discount * self.settings.gamma, after[env]
            if truncated:
                break
        return state, action, total, discount, next_state

    def update_net(self, updates):
        size = self.settings.buffer_size
        for _ in range(updates):
            filled = min(len(self.kept), size)
            drawn = torch.randint(filled * 4, (self.settings.batch_size,), generator=self.generator)
            newest = {number % size: number for number in range(len(self.kept))}
            places = [divmod(place, 4) for place in drawn.tolist()]
            chosen = [self.transition(newest[slot], env) for slot, env in places]
            state, action, reward, discount, next_state = (torch.stack(column) for column in zip(*chosen, strict=True))
            with torch.no_grad():
                next_action, logprob = self.sample_action(self.act.outputs(self.act.inputs(next_state)))
                value = self.cri_target(next_state, next_action).amin(dim=0) - self.alpha_log.exp() * logprob
            target = reward + discount * value
            values = self.cri(state, action)
            loss = sum(torch.nn.functional.smooth_l1_loss(value, target) for value in values)
            self.optimizer_update(self.cri_optimizer, loss)
            AgentPPO.soft_update(self.cri_target, self.cri, self.settings.soft_update_tau)
            self._update_actor(self.act.inputs(state))
        return {"critic_loss": loss.item()}
