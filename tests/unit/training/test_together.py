"""Runs that train side by side: the weights of each are those that it has alone."""

from dataclasses import replace

import pytest
import torch

from tests.unit.training.test_every_agent import small, train
from workflow_scripts.training.agents.base import PACKAGE, agent_of
from workflow_scripts.training.agents.ppo import PPO
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.together.on_policy import discounted_sums
from workflow_scripts.workflow.registry import names

STACKED = ["a2c", "ppo", "reinforce"]
TOLERANCE = 3e-5  # of weights after three rounds of updates, as of compiled learners
BUDGET = 160  # vector steps: episodes end within rounds, at other steps for each run
VARIED = {
    "learning_rate": 1e-3,
    "gamma": 0.9,
    "lambda_gae_adv": 0.8,
    "ratio_clip": 0.05,
    "lambda_entropy": 0.1,
}


def first_days(window, days):
    """A window's beginning."""
    names = ("dates", "close", "ticker_features", "market_features", "flat_features")
    return replace(window, **{name: getattr(window, name)[:days] for name in names})


def several(fold, name, runs):
    """As many runs, each with days, a seed and one hyperparameter of its own."""
    varied = [{}] + [{key: value} for key, value in VARIED.items() if key in agent_of(name).model_fields]
    return [
        {"window": first_days(fold.train, 80 - 7 * run), "seed": run, **varied[run % len(varied)]}
        for run in range(runs)
    ]


def make(name, window, seed, architecture="shared", environment=None, **changes):
    environment = environment or EnvironmentSettings()
    env = make_env(window, environment, architecture, 4, seed, random_start=True)
    settings = agent_of(name).of({**small(name), **changes})
    return env, settings.learner()(window, env, settings, architecture, seed=seed)


def weights_of(agent):
    return torch.cat([weight.detach().flatten() for weight in (*agent.act.parameters(), *agent.cri.parameters())])


def train_together(made, budget=BUDGET):
    """Train runs side by side; return the weights of each."""
    agents = [agent for _, agent in made]
    stack, done = agents[0].settings.stacked_learner()(agents, [env for env, _ in made]), 0
    while done < budget:
        steps = min(agent.begin_round(budget, done) for agent in agents)
        done += steps
        for agent, said in zip(agents, stack.make_round(steps), strict=True):
            agent.end_round(said, done)
    return [weights_of(agent) for agent in agents]


def assert_each_is_as_alone(name, cases, **more):
    made = [make(name, **case, **more) for case in cases]
    together = train_together(made)
    for case, weights, (env, agent) in zip(cases, together, made, strict=True):
        own_env, own = make(name, **case, **more)
        torch.testing.assert_close(weights, train(own, own_env, BUDGET), rtol=0, atol=TOLERANCE)
        torch.testing.assert_close(agent.last_state, own.last_state, rtol=0, atol=1e-4)
        torch.testing.assert_close(env.cash, own_env.cash, rtol=1e-4, atol=1)
        assert torch.equal(agent.generator.get_state(), own.generator.get_state())
        assert len(agent.curves) == len(own.curves) > 2
        for one, other in zip(agent.curves, own.curves, strict=True):
            assert one == pytest.approx(other, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("runs", [1, 2, 6])
@pytest.mark.parametrize("name", STACKED)
def test_runs_of_other_days_seeds_and_hyperparameters_train_as_each_does_alone(fold, name, runs):
    assert_each_is_as_alone(name, several(fold, name, runs))


@pytest.mark.parametrize(("architecture", "mode"), [("flat", "tilt"), ("shared", "weights"), ("flat", "shares")])
@pytest.mark.parametrize("name", STACKED)
def test_so_they_do_with_other_networks_and_actions(fold, name, architecture, mode):
    environment = EnvironmentSettings(action_mode=mode)
    assert_each_is_as_alone(name, several(fold, name, 3), architecture=architecture, environment=environment)


@pytest.mark.parametrize("name", STACKED)
def test_a_run_that_diverges_leaves_the_others_what_they_were(fold, name):
    """Whatever it becomes: here it starts with weights that are no numbers."""
    cases = several(fold, name, 3)
    expected = train_together([make(name, **case) for case in cases])
    made = [make(name, **case) for case in cases]
    agents = [agent for _, agent in made]
    stack, done = agents[0].settings.stacked_learner()(agents, [env for env, _ in made]), 0
    with torch.no_grad():
        next(iter(agents[1].act.parameters())).fill_(float("nan"))
    while done < BUDGET:
        steps = min(agent.begin_round(BUDGET, done) for agent in agents)
        done += steps
        said = stack.make_round(steps)
    assert not torch.isfinite(torch.tensor(said[1]["actor_objective"]))
    for place in (0, 2):
        assert torch.equal(weights_of(agents[place]), expected[place])


def test_a_discounted_sum_reaches_to_the_end_of_its_episode():
    """0.5 a step, and nothing beyond the second of four: 1 + 2/2 = 2; 2; 3 + 4/2 = 5; 4."""
    terms = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 4, 1)
    decays = torch.tensor([0.5, 0.0, 0.5, 0.5]).view(1, 4, 1)
    assert discounted_sums(terms, decays).flatten().tolist() == [2.0, 2.0, 5.0, 4.0]


def test_which_agents_train_together():
    assert [name for name in names(PACKAGE) if agent_of(name)().stacked_learner() is not None] == STACKED

    class Derived(PPO):
        """Whose objective may take a mean over the batch, which would be one over other runs too."""

    assert Derived().stacked_learner() is None
