"""What all agents must do: read every hyperparameter, train the same twice, and go on from a saved state."""

import functools
import io

import pytest
import torch

from workflow_scripts.training.agents.base import PACKAGE, agent_of
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.run.checkpoints import restore_training, training_state
from workflow_scripts.training.run.judge import evaluate_policy
from workflow_scripts.workflow.registry import names

AGENTS = names(PACKAGE)
OFF_POLICY_AGENTS = [name for name in AGENTS if not agent_of(name).on_policy]
ENVIRONMENT = EnvironmentSettings()
ON_POLICY = {"net_dims_0": 32, "net_dims_1": 32, "batch_size": 32, "horizon_len": 32, "repeat_times": 4}
OFF_POLICY = {"net_dims_0": 32, "net_dims_1": 32, "batch_size": 32, "horizon_len": 16, "repeat_times": 0.5}
# Of the defaults' larger steps two ways to add up the same grow further apart than these tests allow.
OFF_POLICY |= {"buffer_size": 64, "learning_rate": 1e-3, "gamma": 0.9}
CHANGES = {
    "learning_rate": 1e-4,
    "gamma": 0.95,
    "net_dims_0": 48,
    "net_dims_1": 48,
    "batch_size": 48,
    "horizon_len": 48,
    "repeat_times": 1,
    "weight_decay": 5.0,
    "dropout": 0.5,
    "feature_noise": 0.5,
    "ratio_clip": 0.0001,
    "lambda_gae_adv": 0.9,
    "lambda_entropy": 0.1,
    "n_step": 2,
    "buffer_size": 32,
    "soft_update_tau": 0.5,
    "alpha": 0.5,
    "target_entropy": 0.5,
    "reliable_tau": 0.5,
    "explore_noise_std": 0.1,
    "policy_noise_std": 0.1,
    "update_freq": 1,
}
HYPERPARAMETERS = [(agent, name) for agent in AGENTS for name in agent_of(agent).model_fields]


def small(name):
    return ON_POLICY if agent_of(name).on_policy else OFF_POLICY


def make(fold, name, environment=ENVIRONMENT, architecture="shared", seed=0, **changes):
    env = make_env(fold.train, environment, architecture, num_envs=4, seed=seed, random_start=True)
    settings = agent_of(name).of({**small(name), **changes})
    return env, settings.learner()(fold.train, env, settings, architecture, seed=seed)


def train(agent, env, budget, done=0):
    for _ in agent.train(env, budget, done):
        pass
    return torch.cat([weight.detach().flatten() for weight in (*agent.act.parameters(), *agent.cri.parameters())])


def trained(fold, name, **changes):
    env, agent = make(fold, name, **changes)
    return train(agent, env, 96)


@pytest.fixture(scope="module")
def default_weights(fold):
    """A function that returns the weights that an agent's default hyperparameters train, made once an agent."""
    return functools.cache(lambda name: trained(fold, name))


@pytest.mark.parametrize(("name", "hyperparameter"), HYPERPARAMETERS)
def test_every_hyperparameter_changes_the_weights(fold, name, hyperparameter, default_weights):
    changed = trained(fold, name, **{hyperparameter: CHANGES[hyperparameter]})
    default = default_weights(name)
    assert changed.shape != default.shape or not torch.equal(changed, default)


@pytest.mark.parametrize("name", AGENTS)
def test_the_same_seed_trains_the_same_weights(fold, name):
    assert torch.equal(trained(fold, name, seed=3), trained(fold, name, seed=3))
    assert not torch.equal(trained(fold, name, seed=3), trained(fold, name, seed=4))


@pytest.mark.parametrize("budget", [1, ON_POLICY["horizon_len"] + 1])
@pytest.mark.parametrize("name", AGENTS)
def test_a_round_of_one_step_is_a_round(fold, name, budget):
    """A step alone has no spread over days, and no next day of which a turnover could be."""
    env, agent = make(fold, name)
    agent.noted = {}
    assert torch.isfinite(train(agent, env, budget)).all()


@pytest.mark.parametrize("name", AGENTS)
def test_a_saved_state_goes_on_as_if_nothing_had_been(fold, name):
    env, agent = make(fold, name)
    train(agent, env, 64)
    file = io.BytesIO()
    torch.save(training_state(agent, env, 64), file)
    file.seek(0)
    env_2, agent_2 = make(fold, name, seed=9)
    done = restore_training(agent_2, env_2, torch.load(file, weights_only=True))
    assert torch.equal(train(agent_2, env_2, 160, done), train(agent, env, 160, 64))


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize("action_mode", ["tilt", "weights", "shares", "long_short"])
@pytest.mark.parametrize("architecture", ["shared", "flat"])
def test_every_agent_trades_in_every_mode_with_both_networks(fold, name, action_mode, architecture):
    environment = EnvironmentSettings(action_mode=action_mode)
    env, agent = make(fold, name, environment, architecture)
    train(agent, env, 32)
    episode = evaluate_policy(agent, fold.validation, environment, architecture)
    assert len(episode.daily_returns) == len(fold.validation.close) - 1
    if action_mode == "shares":
        assert agent.to_env(torch.tensor([100.0])).item() == 1.0


@pytest.mark.parametrize("name", OFF_POLICY_AGENTS)
def test_a_transition_ends_where_the_next_one_starts_except_at_the_datas_end(fold, name):
    env, agent = make(fold, name, buffer_size=1000)
    days = len(fold.train.close) - 1
    collected, step = [], env.step
    env.step = lambda action: collected.append(step(action)) or collected[-1]
    agent.explore(env, days + 10)
    rows = agent.buffer.rows
    starts = rows["starts"][: days + 10]
    assert (starts[1:] - starts[:-1]).tolist() == [1] * (days - 1) + [2] + [1] * 9  # the final state has a row too
    assert (rows["days"][starts + 1] == rows["days"][starts] + 1).all()
    ends = torch.cat(
        [rows["days"][starts + 1].float().view(-1, 1, 1).expand(-1, 4, 1), rows["portfolios"][starts + 1]], 2
    )
    assert torch.equal(ends, torch.stack([state for state, _, _ in collected]))


@pytest.mark.parametrize("name", OFF_POLICY_AGENTS)
def test_a_full_buffer_draws_no_transition_across_its_write_seam(fold, name):
    env, agent = make(fold, name, buffer_size=16, n_step=1)
    agent.explore(env, 16 + 5)
    state, _, _, _, next_state = agent.buffer.sample(2000, agent.generator)
    assert (next_state[:, 0] == state[:, 0] + 1).all()
    assert set(state[:, 0].tolist()) == set(range(5, 21))


@pytest.mark.parametrize("size", [16, 200])
@pytest.mark.parametrize("n_step", [1, 3, 30])
def test_a_return_adds_up_the_rewards_of_n_steps_or_of_those_to_an_episodes_end_or_to_the_newest(fold, size, n_step):
    """Against a plain loop, round by round, so that a return grows with the steps that come."""
    env, agent = make(fold, "td3", gamma=0.8, buffer_size=size, n_step=n_step)
    rewards, lasts, step = [], [], env.step
    agent.same_day_baseline = False

    def collected(action):
        state, reward, last = step(action)
        rewards.append(reward.clone())
        lasts.append(last)
        return state, reward, last

    env.step = collected
    for steps in (1, 10, 100, 7):
        agent.explore(env, steps)
        drawn = agent.buffer.draw(8, agent.generator)
        assert drawn.max() < 4 * min(size, len(rewards))
        rows, capacity = agent.buffer.rows, len(agent.buffer.rows["days"])
        for first in range(max(0, len(rewards) - size), len(rewards)):
            total, ahead = torch.zeros(4), 0
            while ahead < n_step and first + ahead < len(rewards):
                total += 0.8**ahead * rewards[first + ahead]
                ahead += 1
                if lasts[first + ahead - 1]:
                    break
            row = first % size
            torch.testing.assert_close(rows["returns"][row], total)
            assert rows["discounts"][row].item() == pytest.approx(0.8**ahead)
            assert rows["ends"][row] == (rows["starts"][row] + ahead) % capacity
            assert rows["days"][rows["ends"][row]] == rows["days"][rows["starts"][row]] + ahead


@pytest.mark.parametrize("name", OFF_POLICY_AGENTS)
def test_the_last_day_bootstraps(fold, name):
    quiet = {"alpha": 1e-9} if "sac" in name else {}
    env, agent = make(fold, name, gamma=0.5, n_step=1, soft_update_tau=0.0, **quiet)
    agent.explore(env, len(fold.train.close) - 1)
    for member in agent.cri_target.members:
        with torch.no_grad():
            member.value[-1].weight.zero_()
            member.value[-1].bias.fill_(7.0)
    seen = []
    agent.update_critics = lambda _inputs, _action, target: seen.append(target) or target.mean()
    rewards = agent.buffer.rows["rewards"]
    rewards.zero_()
    agent.update_net(1)
    torch.testing.assert_close(seen[0], torch.full_like(seen[0], 3.5), atol=1e-4, rtol=1e-4)


def test_sacs_logprob_is_that_of_its_squashed_action(fold):
    env, agent = make(fold, "sac")
    state = env.reset()
    before = agent.generator.get_state()
    action, logprob = agent.sample_action(agent.act.outputs(agent.act.inputs(state)))
    agent.generator.set_state(before)
    mean, log_std = agent.act.mean_and_log_std(agent.act.outputs(agent.act.inputs(state)))
    drawn = mean + log_std.exp() * agent.normal(mean.shape)
    squashed = torch.distributions.TransformedDistribution(
        torch.distributions.Normal(mean, log_std.exp()), torch.distributions.TanhTransform(cache_size=1)
    )
    torch.testing.assert_close(action, drawn.tanh())
    torch.testing.assert_close(logprob, squashed.log_prob(drawn.tanh()).sum(dim=1), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("architecture", ["shared", "flat"])
@pytest.mark.parametrize("action_mode", ["tilt", "weights"])
def test_critics_judge_an_actor_by_the_values_that_they_learn(fold, architecture, action_mode):
    env, agent = make(fold, "sac", EnvironmentSettings(action_mode=action_mode), architecture)
    inputs, found = agent.act.inputs(env.reset()), []
    for values_of in (agent.cri_target.evaluate, agent.cri_target.judge):
        action = torch.full((env.num_envs, env.action_dim), 0.5, requires_grad=True)
        values = values_of(inputs, action)
        values.sum().backward()
        found.append((values.detach(), action.grad))
    assert found[0][1].abs().min() > 0
    torch.testing.assert_close(*found)


def test_modsac_updates_its_actor_less_often_while_its_critics_are_unreliable(fold):
    env, agent = make(fold, "modsac", reliable_tau=1e-9)
    agent.explore(env, 32)
    for loss, rate in ((0.0, 1.0), (0.5, 1 / (2 - 0.7788)), (10.0, 0.5)):
        agent.mean_loss.fill_(loss)
        assert agent.update_net(200)["actor_updates"] == pytest.approx(rate, abs=0.01)
    env, sac = make(fold, "sac")
    sac.explore(env, 32)
    assert sac.update_net(20)["actor_updates"] == 1.0


def test_the_temperature_rises_where_the_policy_is_too_certain(fold):
    env, agent = make(fold, "sac", target_entropy=0.69, alpha=0.1)
    agent.explore(env, 32)
    assert agent.update_net(10)["alpha"] > 0.1
    env, agent = make(fold, "sac", target_entropy=-3.0, alpha=0.1)
    agent.explore(env, 32)
    assert agent.update_net(10)["alpha"] < 0.1


def test_rewards_are_less_the_mean_of_their_day(fold):
    env, agent = make(fold, "ddpg")
    agent.explore(env, 16)
    rewards = agent.buffer.rows["rewards"][:16]
    torch.testing.assert_close(rewards.mean(dim=1), torch.zeros(16), atol=1e-5, rtol=0)
    assert rewards.abs().max() > 0


@pytest.mark.parametrize("name", ["ppo", "sac", "td3"])
def test_networks_and_buffer_keep_their_size_during_a_training(fold, name):
    _env, agent = make(fold, name)
    with pytest.raises(ValueError, match="net_dims_0 cannot change during a training: it is 32, and 64 is asked for"):
        agent.reconfigure(agent_of(name).of({**small(name), "net_dims_0": 64}))


@pytest.mark.parametrize("name", AGENTS)
def test_a_change_of_hyperparameters_holds_for_the_updates_after_it(fold, name):
    settings = agent_of(name)
    env, agent = make(fold, name)
    train(agent, env, 32)
    unchanged = train(agent, env, 96, 32)
    for hyperparameter in set(settings.model_fields) - set(settings.fixed):
        env, agent = make(fold, name)
        train(agent, env, 32)
        agent.reconfigure(settings.of({**small(name), hyperparameter: CHANGES[hyperparameter]}))
        assert not torch.equal(train(agent, env, 96, 32), unchanged), hyperparameter
