import pytest
import torch

from tests.conformance.plain_agents import PlainPPO, PlainSAC
from workflow_scripts.data.folds import cut_fold, walk_forward
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.training.agents.ppo import PPO
from workflow_scripts.training.agents.sac import SAC
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.learners.adamw import AdamW
from workflow_scripts.training.learners.on_policy import PolicyGradient
from workflow_scripts.training.learners.sac import SoftActorCritic

DIMS = {"net_dims_0": 32, "net_dims_1": 48, "learning_rate": 1e-3}
BUFFER = {"horizon_len": 16, "buffer_size": 64}
CASES = {
    # 20 updates after five rollouts, over the data's end at day 79.
    "ppo": (PolicyGradient, PlainPPO, PPO(**DIMS, batch_size=32, horizon_len=32, repeat_times=4), 160),
    # 20 updates from a buffer that wraps.
    "sac": (
        SoftActorCritic,
        PlainSAC,
        SAC(**DIMS, batch_size=32, horizon_len=16, repeat_times=0.25, buffer_size=64),
        80,
    ),
}


@pytest.fixture(scope="module")
def window():
    features = compute_features(synthetic_bars(3, 180, 0.002, 10, 0.01, seed=2), turbulence_days=60)
    return cut_fold(features, walk_forward(119, 1, 80, 30, 5)[0])[0].train


@pytest.mark.parametrize("agent", CASES)
@pytest.mark.parametrize(
    ("architecture", "mode"), [("shared", "tilt"), ("shared", "weights"), ("flat", "tilt"), ("flat", "shares")]
)
def test_twenty_updates_train_the_weights_of_the_plain_implementation(window, agent, architecture, mode):
    fast, plain, settings, budget = CASES[agent]
    trained = []
    for kind in (fast, plain):
        env = make_env(
            window, EnvironmentSettings(action_mode=mode), architecture, num_envs=4, seed=5, random_start=True
        )
        learner = kind(window, env, settings, architecture, seed=5)
        start = torch.cat([weight.detach().flatten() for weight in learner.act.parameters()])
        assert sum(1 for _ in learner.train(env, budget)) == 5  # rounds of four updates
        trained.append([weight.detach() for weight in (*learner.act.parameters(), *learner.cri.parameters())])
    end = torch.cat([weight.flatten() for weight in trained[0]])[: len(start)]
    assert (end - start).abs().max() > 5e-3  # twenty steps of 1e-3
    for one, other in zip(*trained, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("decay", [0.0, 0.01, 20.0])
def test_adamw_steps_as_torchs_does(decay):
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Linear(7, 1)) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    own = AdamW(ours.parameters(), 1e-2, decay)
    reference = torch.optim.AdamW(theirs.parameters(), 1e-2, weight_decay=decay)
    for _ in range(30):
        batch = torch.randn(16, 5)
        own.minimise((ours(batch) * 9).square().mean(), max_norm=3.0)
        reference.zero_grad()
        (theirs(batch) * 9).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 3.0)
        reference.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
