import copy
from types import MethodType

import numpy as np
import pytest
import torch
from elegantrl.agents import AgentPPO

from workflow_scripts.training.agents.ppo import PPO
from workflow_scripts.training.environment.baselines import run_baseline
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.learners.on_policy import PolicyGradient, Rollout
from workflow_scripts.training.learners.trading_agent import CLIP_GRAD_NORM, TrainingFailedError
from workflow_scripts.training.networks.shared import add_portfolios, add_portfolios_by_torch, pooled

SMALL = {"net_dims_0": 32, "net_dims_1": 16, "batch_size": 32, "horizon_len": 32, "repeat_times": 4}
ENVIRONMENT = EnvironmentSettings()


def make(fold, architecture="shared", seed=0, environment=ENVIRONMENT, baseline=True, **hyperparameters):
    env = make_env(fold.train, environment, architecture, num_envs=4, seed=seed, random_start=True)
    settings = PPO(**{**SMALL, **hyperparameters})
    return env, PolicyGradient(fold.train, env, settings, architecture, seed=seed, same_day_baseline=baseline)


def weights(agent):
    return torch.cat([weight.detach().flatten() for weight in (*agent.act.parameters(), *agent.cri.parameters())])


def trained(fold, budget=96, **settings):
    env, agent = make(fold, **settings)
    for _ in agent.train(env, budget):
        pass
    return weights(agent)


def distribution_methods(actor):
    def logprob_entropy(state, action):
        normal = torch.distributions.Normal(actor(state), actor.action_std_log.exp())
        return normal.log_prob(action).sum(1), normal.entropy().sum(1)

    return logprob_entropy


@pytest.mark.parametrize("architecture", ["shared", "flat"])
def test_the_update_is_elegantrls_where_nothing_was_to_mend(fold, architecture):
    env, ours = make(fold, architecture, baseline=False)
    rollout = ours.explore(env, 32)
    theirs = copy.deepcopy(ours)
    for name, value in ours.settings:
        if name not in ("gamma", "lambda_gae_adv"):  # which ours knows by these names already
            setattr(theirs, name, value)
    theirs.state_dim, theirs.state_value_tau, theirs.clip_grad_norm = env.state_dim, 0, CLIP_GRAD_NORM
    theirs.get_advantages = theirs.get_advantages_origin
    theirs.act.get_logprob_entropy = distribution_methods(theirs.act)
    theirs.optimizer_update = MethodType(AgentPPO.optimizer_update, theirs)
    for optimizer, network in (("act_optimizer", theirs.act), ("cri_optimizer", theirs.cri)):
        setattr(theirs, optimizer, torch.optim.AdamW(network.parameters(), ours.settings.learning_rate))
    ours.generator.manual_seed(11)
    torch.manual_seed(11)
    ours.update_net(rollout)
    AgentPPO.update_net(theirs, (rollout.states, rollout.actions, rollout.logprobs, rollout.rewards, rollout.undones))
    assert not torch.equal(weights(ours), weights(make(fold, architecture)[1]))
    torch.testing.assert_close(weights(ours), weights(theirs), rtol=1e-3, atol=1e-5)


def test_the_same_seed_trains_the_same_weights(fold):
    assert torch.equal(trained(fold, seed=3), trained(fold, seed=3))
    assert not torch.equal(trained(fold, seed=3), trained(fold, seed=4))


def test_a_truncated_episode_bootstraps_the_value_of_its_final_state(fold):
    env, agent = make(fold, gamma=0.9)
    days = len(fold.train.close) - 1
    rollout = agent.explore(env, days)
    assert (rollout.undones[:-1] == 1).all()
    assert (rollout.undones[-1] == 0).all()
    _, without = make(fold, gamma=0.9)
    with torch.no_grad():
        without.cri.value[-1].weight.zero_()
        without.cri.value[-1].bias.fill_(7.0)
    env, _ = make(fold)
    bootstrapped = without.explore(env, days)
    env, agent = make(fold, gamma=0.0)
    plain = agent.explore(env, days)
    torch.testing.assert_close(bootstrapped.rewards[:-1], plain.rewards[:-1])
    torch.testing.assert_close(bootstrapped.rewards[-1], plain.rewards[-1] + 0.9 * 7)


def test_orders_of_shares_are_squashed(fold):
    environment = EnvironmentSettings(action_mode="shares")
    _, agent = make(fold, "flat", environment=environment)
    assert agent.to_env(torch.tensor([100.0])).item() == 1.0


def test_a_loss_that_is_not_finite_is_a_failed_training(fold):
    env, agent = make(fold)
    with torch.no_grad():
        agent.cri.value[-1].weight.fill_(torch.nan)
    with pytest.raises(TrainingFailedError, match="not finite after 32 vector steps"):
        list(agent.train(env, 64))


def test_an_unknown_hyperparameter_is_named():
    with pytest.raises(ValueError, match="learning_rat: unknown key; did you mean learning_rate"):
        PPO.of({"learning_rat": 1e-3})


def test_a_configuration_without_updates_is_refused():
    with pytest.raises(ValueError, match="horizon_len: 16 × repeat_times 4 / batch_size 128 leaves no update"):
        PPO.of({"horizon_len": 16, "repeat_times": 4, "batch_size": 128})


def test_updates_do_not_depend_on_the_number_of_envs():
    assert PPO(horizon_len=512, repeat_times=16, batch_size=512).updates(512) == 16


def test_a_rollout_has_a_row_a_step_and_a_column_an_env(fold):
    env, agent = make(fold)
    rollout: Rollout = agent.explore(env, 5)
    assert rollout.states.shape == (5, 4, 5)
    assert rollout.actions.shape == (5, 4, 3)
    assert rollout.rewards.shape == rollout.logprobs.shape == (5, 4)


def test_logprobs_of_a_rollout_are_those_of_its_policy(fold):
    env, agent = make(fold)
    rollout = agent.explore(env, 5)
    inputs = agent.act.inputs(rollout.states.flatten(0, 1))
    logprob, entropy = agent.logprob_entropy(inputs, rollout.actions.flatten(0, 1))
    torch.testing.assert_close(logprob.view(5, 4), rollout.logprobs, rtol=1e-4, atol=1e-4)
    normal = torch.distributions.Normal(torch.zeros(3), agent.act.action_std_log.detach().exp()[0])
    torch.testing.assert_close(entropy, normal.entropy().sum())


def test_the_shared_actor_treats_tickers_alike(fold):
    env, agent = make(fold)
    state, order = env.reset(), [2, 0, 1]
    with torch.no_grad():
        straight = agent.act(state)
        agent.act.table = agent.act.table[:, order]
        turned = agent.act(torch.cat([state[:, :2], state[:, 2:][:, order]], dim=1))
    torch.testing.assert_close(turned, straight[:, order])


def test_equal_weight_and_buy_and_hold_earn_what_arithmetic_says(fold):
    free = EnvironmentSettings(cost_pct=0.0)
    close = fold.validation.close
    growth = close[1:] / close[:-1]
    equal = run_baseline("equal_weight", fold.validation, free).daily_returns
    np.testing.assert_allclose(equal, growth.mean(axis=1) - 1, atol=1e-12)
    hold = run_baseline("buy_and_hold", fold.validation, free).daily_returns
    assert np.prod(1 + hold) == pytest.approx((close[-1] / close[0]).mean())
    from_cash = run_baseline("buy_and_hold", fold.validation, EnvironmentSettings(cost_pct=0.0, start="cash"))
    assert np.prod(1 + from_cash.daily_returns) == pytest.approx((close[-1] / close[1]).mean())
    paid = run_baseline("buy_and_hold", fold.validation, EnvironmentSettings(start="cash"))
    assert paid.daily_returns[0] == pytest.approx(-0.001, rel=1e-2)
    assert paid.turnover[1:].max() == 0


@pytest.mark.parametrize("architecture", ["shared", "flat"])
@pytest.mark.parametrize("mode", ["tilt", "weights"])
def test_adding_the_market_up_once_a_day_changes_no_action_and_no_value(fold, architecture, mode):
    env, agent = make(fold, architecture, environment=EnvironmentSettings(action_mode=mode))
    states = agent.explore(env, 90).states  # over the data's end at day 79
    with torch.no_grad():
        for network in (agent.act, agent.cri):
            inferred = network.rollout(states[:, 0, 0].long())(slice(None), states)
            inferred = inferred[..., 0] if network is agent.act else inferred
            whole = torch.stack([network(state) for state in states])
            torch.testing.assert_close(inferred, whole, rtol=1e-5, atol=1e-6)


def test_on_a_gpu_the_portfolios_are_added_as_on_a_cpu(fold):
    env, agent = make(fold)
    states = agent.explore(env, 10).states
    market, weight = torch.randn(10, 3, 8), torch.randn(2, 8)
    on_device = add_portfolios_by_torch(market, weight, states)
    torch.testing.assert_close(on_device, add_portfolios(market, weight, states), rtol=1e-5, atol=1e-6)


def test_pooling_and_its_gradient_are_those_of_torch_to_the_bit():
    chance = torch.Generator().manual_seed(0)
    values = torch.randn(8, 5, 16, generator=chance)
    results = []
    for pool in (pooled, lambda hidden: torch.relu_(hidden).mean(dim=1)):
        leaf = values.clone().requires_grad_()
        mean = pool(leaf * 1.0)
        mean.square().sum().backward()
        results.append((mean.detach(), leaf.grad))
    (ours, our_gradient), (theirs, their_gradient) = results
    assert torch.equal(ours, theirs)
    assert torch.equal(our_gradient, their_gradient)
    assert 0 < (our_gradient == 0).sum() < our_gradient.numel()


def test_the_networks_of_an_agent_share_one_table_of_its_window(fold):
    _, agent = make(fold)
    assert agent.act.table is agent.cri.table
    assert agent.act.table.shape[:2] == fold.train.close.shape
