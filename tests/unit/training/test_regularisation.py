"""What makes it harder to learn days by heart: weight decay, dropout, noise on the features."""

import numpy as np
import pytest
import torch

from tests.unit.training.test_every_agent import AGENTS, make, train
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.learners.adamw import AdamW
from workflow_scripts.training.networks.market import DropoutReLU, perceptron
from workflow_scripts.training.run.judge import evaluate_policy


def test_each_step_takes_learning_rate_times_decay_off_a_weight_that_nothing_moves():
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = AdamW([weight], lr=0.1, weight_decay=0.5)
    for _ in range(3):
        optimizer.step()
    assert weight.item() == pytest.approx(2 * 0.95**3)


@pytest.mark.parametrize("name", AGENTS)
def test_both_networks_decay_and_a_change_of_hyperparameters_changes_it(fold, name):
    _, agent = make(fold, name, weight_decay=3.0)
    optimizers = agent.act_optimizer, agent.cri_optimizer
    assert [each.weight_decay for each in optimizers] == [3.0, 3.0]
    agent.reconfigure(agent.settings.model_copy(update={"weight_decay": 7.0}))
    assert [each.weight_decay for each in optimizers] == [7.0, 7.0]


def test_dropout_leaves_out_its_share_of_the_units_and_scales_the_others_where_gradients_are_recorded_alone():
    layer = DropoutReLU(0.25)
    layer.generator = torch.Generator().manual_seed(0)
    seen = layer(torch.full((40_000,), 3.0))
    assert set(seen.unique().tolist()) == {0.0, 4.0}  # 3 / 0.75
    assert float((seen == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    with torch.no_grad():
        assert layer(torch.tensor([3.0, -1.0])).tolist() == [3.0, 0.0]


def test_dropout_changes_no_name_of_a_weight_and_without_it_layers_are_elegantrls():
    plain, thinned = perceptron([3, 4, 4, 1]), perceptron([3, 4, 4, 1], 0.5)
    assert list(plain.state_dict()) == list(thinned.state_dict())
    assert not any(isinstance(layer, DropoutReLU) for layer in plain)


@pytest.mark.parametrize("architecture", ["shared", "flat"])
@pytest.mark.parametrize("name", ["ppo", "sac"])
def test_a_policy_with_dropout_trades_with_all_units(fold, name, architecture):
    env, agent = make(fold, name, architecture=architecture, dropout=0.5)
    train(agent, env, 64)
    one, other = (
        evaluate_policy(agent, fold.validation, EnvironmentSettings(), architecture).daily_returns for _ in range(2)
    )
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("architecture", ["shared", "flat"])
def test_noise_lies_on_the_features_alone_and_in_training_alone(fold, architecture):
    env, agent = make(fold, "ppo", architecture=architecture, feature_noise=0.3)
    clean, shown, learn = agent.act.table.clone(), [], agent.learn

    def noting(*arguments):
        assert agent.act.table is agent.cri.table
        shown.append(agent.act.table - clean)
        return learn(*arguments)

    agent.learn = noting
    train(agent, env, 96)
    assert torch.equal(agent.act.table, clean)
    features = clean.shape[-1] - (2 if architecture == "shared" else 0)
    for noise in shown:
        assert float(noise[..., :features].std()) == pytest.approx(0.3, rel=0.05)
        assert not noise[..., features:].any()
    assert len(shown) == 3
    correlation = np.corrcoef(shown[0][..., :features].flatten(), shown[1][..., :features].flatten())[0, 1]
    assert abs(correlation) < 0.1  # drawn anew
