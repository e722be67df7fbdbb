import copy
import logging
from dataclasses import replace

import pytest
import torch

from workflow_scripts.data.folds import Fold, cut_fold
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.training.agents.reinforce import Reinforce
from workflow_scripts.training.environment.baselines import run_baseline
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.run.judge import judge
from workflow_scripts.training.run.runs import Run
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.run.train import train
from workflow_scripts.training.sharpe import sharpe_ratio
from workflow_scripts.training.trials import Trial

ENVIRONMENT = EnvironmentSettings()


@pytest.fixture
def learner(fold):
    env = make_env(fold.train, ENVIRONMENT, "shared", num_envs=2, random_start=True)
    settings = Reinforce(gamma=0.5, batch_size=8, horizon_len=4)
    return env, settings.learner()(fold.train, env, settings)


def test_an_advantage_is_the_return_to_come(learner):
    """With gamma 0.5 rewards of 1, 2, 4 are worth 1 + 1 + 1, 2 + 2 and 4; where an episode ends nothing follows."""
    _, agent = learner
    rewards, undones = torch.tensor([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]]), torch.ones(3, 2)
    undones[1, 1] = 0
    with torch.no_grad():
        returns = agent.advantages(rewards, undones, agent.values(torch.zeros(3, 2, 5)))
    assert returns.tolist() == [[3.0, 2.0], [4.0, 2.0], [4.0, 4.0]]


def test_no_value_follows_the_end_of_the_data_and_no_critic_learns(learner, fold):
    env, agent = learner
    rollout = agent.explore(env, len(fold.train.close))
    assert agent.cri(env.state()).tolist() == [0.0, 0.0]
    said = agent.update_net(rollout)
    assert (said[0], agent.cri(env.state()).tolist()) == (0.0, [0.0, 0.0])


def test_what_all_portfolios_earn_alike_teaches_nothing(learner):
    """The return is taken less its mean over the same day's portfolios: a reward for all of them changes no weight."""
    env, agent = learner
    trained = []
    rollout, state = agent.explore(env, 8), copy.deepcopy(agent.saved_state())
    for gift in (0.0, 5.0):
        agent.restore(state)
        agent.update_net(replace(rollout, rewards=rollout.rewards + gift))
        trained.append(torch.cat([weight.detach().flatten() for weight in agent.act.parameters()]))
    torch.testing.assert_close(trained[0], trained[1], rtol=1e-3, atol=1e-5)


def test_it_beats_equal_weight_on_a_planted_market(tmp_path):
    features = compute_features(synthetic_bars(6, 1061, 0.004, 10, 0.01, seed=1), turbulence_days=60)
    data, _ = cut_fold(features, Fold(range(600), range(605, 1000)))
    trial = Trial("toy", "reinforce", 0, 0, 8192, {"gamma": 0.9, "net_dims_0": 64, "net_dims_1": 64})
    run = Run.of(trial, data, 0, ENVIRONMENT, TrainingSettings(device="cpu"))
    log = logging.getLogger()
    result = judge(run, train(run, tmp_path / "checkpoint.pt", log), log).result
    equal = sharpe_ratio(run_baseline("equal_weight", data.validation, ENVIRONMENT).daily_returns)
    assert result.sharpe > equal + 2
