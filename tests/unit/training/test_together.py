"""Runs that train side by side: the weights of each are those that it has alone."""

import logging
import math
import shutil
import signal
import socket
import tempfile
import threading
from collections import Counter
from contextlib import nullcontext, suppress
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import torch

from tests.unit.training.test_every_agent import small, train
from workflow_scripts.training.agents.base import PACKAGE, agent_of
from workflow_scripts.training.agents.ppo import PPO
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.learners.trading_agent import TrainingFailedError
from workflow_scripts.training.networks.shape import NetworkShape
from workflow_scripts.training.run.checkpoints import Checkpoint, training_state
from workflow_scripts.training.run.devices import CPU, Device
from workflow_scripts.training.run.memory import CONTEXT_BYTES, training_bytes
from workflow_scripts.training.run.runs import Run
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.run.train import build, rounds
from workflow_scripts.training.together import client, trainer
from workflow_scripts.training.together.client import find_company
from workflow_scripts.training.together.meeting import Desk, Request, kinship, packed, unpacked
from workflow_scripts.training.together.on_policy import discounted_sums
from workflow_scripts.training.together.trainer import Job, Trainer, outcome
from workflow_scripts.training.trials import Trial
from workflow_scripts.workflow.code_digest import code_digest
from workflow_scripts.workflow.registry import names

STACKED = ["a2c", "ppo", "reinforce", "sac"]
TOLERANCE = 3e-5  # of weights after three rounds of updates, as of compiled learners
AT_LEAST = 0.995  # of the weights: a unit that stands at its rectifier's edge goes one way or the other by a last bit
BUDGET = 96  # vector steps: episodes end within rounds, at other steps for each run
VARIED = {
    "learning_rate": 3e-4,
    "gamma": 0.95,
    "n_step": 5,
    "weight_decay": 5.0,
    "feature_noise": 0.5,
    "lambda_gae_adv": 0.8,
    "ratio_clip": 0.05,
    "lambda_entropy": 0.1,
    "alpha": 0.5,
    "target_entropy": 0.5,
    "soft_update_tau": 0.5,
}


def first_days(window, days):
    """A window's beginning."""
    names = ("dates", "close", "ticker_features", "market_features", "flat_features")
    return replace(window, **{name: getattr(window, name)[:days] for name in names})


def several(fold, name, runs, seed=0):
    """As many runs with days and a seed of their own; all but the first one share the varied hyperparameters out."""
    cases = [{"window": first_days(fold.train, 80 - 7 * run), "seed": seed + run} for run in range(runs)]
    varied = [key for key in VARIED if key in agent_of(name).model_fields]
    for place, key in enumerate(varied if runs > 1 else []):
        cases[1 + place % (runs - 1)][key] = VARIED[key]
    return cases


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


def assert_each_is_as_alone(name, cases, budget=BUDGET, **more):
    made = [make(name, **case, **more) for case in cases]
    together = train_together(made, budget)
    for case, weights, (env, agent) in zip(cases, together, made, strict=True):
        own_env, own = make(name, **case, **more)
        apart = (weights - train(own, own_env, budget)).abs()
        assert (apart < TOLERANCE).float().mean() > AT_LEAST
        assert apart.max() < 1e-3
        torch.testing.assert_close(agent.last_state, own.last_state, rtol=0, atol=1e-4)
        torch.testing.assert_close(env.cash, own_env.cash, rtol=1e-4, atol=10)
        assert torch.equal(agent.generator.get_state(), own.generator.get_state())
        assert len(agent.curves) == len(own.curves) > 1
        for one, other in zip(agent.curves, own.curves, strict=True):
            assert one == pytest.approx(other, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("runs", [1, 2, 6])
@pytest.mark.parametrize("name", STACKED)
def test_runs_of_other_days_seeds_and_hyperparameters_train_as_each_does_alone(fold, name, runs):
    assert_each_is_as_alone(name, several(fold, name, runs))


@pytest.mark.parametrize(
    ("architecture", "environment"),
    [
        ("flat", {"action_mode": "tilt"}),
        ("shared", {"action_mode": "weights", "risk_free": 0.05}),
        ("flat", {"action_mode": "shares", "action_scale": 3.0}),
        ("shared", {"action_mode": "long_short", "leverage": 2.0, "borrow_cost": 0.1, "risk_free": 0.05}),
        ("shared", {"action_mode": "long_short", "leverage": 2.0, "min_fee": 5.0}),
        ("shared", {"action_mode": "tilt", "lot_size": 10}),
    ],
)
@pytest.mark.parametrize("name", STACKED)
def test_so_they_do_with_other_networks_and_accounts(fold, name, architecture, environment):
    more = {"architecture": architecture, "environment": EnvironmentSettings(**environment)}
    # After two rounds a run of SAC stands where a rectifier goes one way or the other by a last bit: so it does alone.
    budget = BUDGET if agent_of(name).on_policy else 32
    assert_each_is_as_alone(name, several(fold, name, 3, seed=4), budget, **more)


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
    assert not all(map(math.isfinite, said[1].values()))
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


def request_of(fold, seed=0, agent="ppo", budget=128, training=None, **configuration):
    """A run of a trial, on a CPU, in company."""
    trial = Trial("sweep", agent, 0, 0, budget, {**small(agent), **configuration})
    settings = {"num_envs": 4, "device": "cpu", "together": 3, **(training or {})}
    return Run.of(trial, fold, seed, EnvironmentSettings(), TrainingSettings(**settings))


class Asker(threading.Thread):
    """A job that has its run trained beside others; what came of it stands in its agent or its error."""

    def __init__(self, run, path):
        super().__init__()
        self.run_, self.error = run, None
        self.log = logging.Logger("job")
        self.said = []
        handler = logging.Handler()
        handler.emit = lambda record: self.said.append(record.getMessage())
        self.log.addHandler(handler)
        self.agent, _ = build(run, CPU, 1, self.log, compiled=False)
        self.saved = Checkpoint(path, lambda: "key", 1e9, self.log)
        self.start()

    def run(self):
        try:
            find_company(self.run_, self.log).train(self.run_, self.agent, self.saved, nullcontext, self.log)
        except Exception as error:
            self.error = error


@pytest.fixture
def desk(monkeypatch):
    """A folder of sockets of the test's own; its trainer ends with the last of its jobs."""
    folder = Path(tempfile.mkdtemp(prefix="desk"))  # short: the path of a socket has at most 107 characters
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder)


def ask(runs, folder):
    code_digest("training.together.trainer")  # Python's parser is not for threads, which stand for processes here
    askers = [Asker(run, folder / f"checkpoint_{place}.pt") for place, run in enumerate(runs)]
    for asker in askers:
        asker.join()
    return askers


def test_jobs_that_ask_one_process_get_what_each_would_have_trained_alone(fold, desk):
    """Three fit together; the fourth has other networks, and trains by itself after them."""
    runs = [request_of(fold, seed) for seed in (0, 1, 2)] + [request_of(fold, 0, net_dims_0=48)]
    askers = ask(runs, desk)
    assert [asker.error for asker in askers] == [None] * 4
    beside = sorted(line for asker in askers for line in asker.said if line.startswith("beside="))
    assert beside == ["beside=0 device=cpu"] + ["beside=2 device=cpu"] * 3
    for run, asker in zip(runs, askers, strict=True):
        env, own = make("ppo", fold.train, run.seed, net_dims_0=run.phases[0].agent.net_dims_0)
        torch.testing.assert_close(weights_of(asker.agent), train(own, env, 128), rtol=0, atol=TOLERANCE)
        assert asker.agent.curves[-1]["vector_steps"] == 128
        assert any(line.startswith("vector_steps=128/128 critic_loss=") for line in asker.said)


class Table:
    """A trainer in the test's own process, with jobs that have asked."""

    def __init__(self, requests, device=CPU):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind("")  # a name that the kernel chooses
        self.listener.listen()
        self.trainer = Trainer(self.listener, Path("nowhere"), Desk("cpu", 0, 1, "float32", None), device)
        self.ends = []
        for request in requests:
            own, end = Pipe()
            self.ends.append(end)
            job = Job(own)
            self.trainer.jobs.append(job)
            end.send(request)
            job.hear()
            self.trainer.waiting.append(job)

    def train(self):
        """Train all who wait as one group."""
        self.trainer._train(list(self.trainer.waiting))

    def said(self, place):
        """What a job was told: by kind, the last one of each."""
        told = {}
        while self.ends[place].poll():
            kind, content = self.ends[place].recv()
            told[kind] = content
        return told


def weights_told(told):
    trained = unpacked(told["trained"])
    return torch.cat([weight.flatten() for name in ("act", "cri") for weight in trained[name].values()])


def state_after(fold, run, rounds, spoiled=False):
    """The state of a run after as many rounds of updates, whose policy may be no number."""
    agent, env = build(run, CPU, 4, logging.getLogger(), compiled=False)
    done = rounds * agent.settings.horizon_len
    train(agent, env, done)
    if spoiled:
        next(iter(agent.act.parameters())).data.fill_(float("nan"))
    return Request(run, packed(training_state(agent, env, done)), done)


def test_a_run_that_diverges_or_whose_job_is_gone_leaves_its_siblings_what_they_would_be(fold):
    runs = [request_of(fold, seed) for seed in range(4)]
    whole = Table([state_after(fold, run, 1) for run in runs])
    whole.train()
    table = Table([state_after(fold, run, 1, spoiled=place == 1) for place, run in enumerate(runs)])
    table.ends[2].close()
    table.train()
    assert table.said(1)["failed"] == "the loss is not finite after 64 vector steps"
    for place in (0, 3):
        assert torch.equal(weights_told(table.said(place)), weights_told(whole.said(place)))


def test_a_job_is_given_the_state_that_it_asks_for_and_another_goes_on_from_it(fold):
    runs = [request_of(fold, seed) for seed in (0, 1)]
    table = Table([Request(run, None, 0) for run in runs])
    table.trainer.waiting[1].wants_state = True
    table.train()
    told = table.said(1)
    state = unpacked(told["state"])
    assert state["done"] == 32
    assert "state" not in table.said(0)
    again = Table([Request(runs[1], told["state"], 32)])
    again.train()
    torch.testing.assert_close(weights_told(again.said(0)), weights_told(told), rtol=0, atol=TOLERANCE)


def test_a_run_of_which_nothing_is_left_to_train_comes_back_as_it_is(fold):
    untrained = [request_of(fold, seed, budget=0) for seed in (0, 1)]
    table = Table([Request(run, None, 0) for run in untrained])
    table.train()
    for place, run in enumerate(untrained):
        agent, _ = build(run, CPU, 4, logging.getLogger(), compiled=False)
        assert torch.equal(weights_told(table.said(place)), weights_of(agent))
    at_its_end = Table([state_after(fold, request_of(fold, budget=64), 2)])
    at_its_end.train()
    assert "trained" in at_its_end.said(0)


@pytest.mark.parametrize("agent", ["ppo", "sac"])
def test_phases_with_other_batches_train_as_they_do_alone(fold, agent):
    """As a population's incumbent is trained anew: batches and updates are those of each phase."""
    first, second = {**small(agent), "batch_size": 64}, {**small(agent), "batch_size": 16}
    trial = Trial("sweep", agent, 0, 0, 64, second, None, [{"budget": 32, "configuration": first}])
    training = TrainingSettings(num_envs=4, device="cpu", together=2)
    runs = [Run.of(trial, fold, seed, EnvironmentSettings(), training) for seed in (0, 1)]
    table = Table([Request(run, None, 0) for run in runs])
    table.train()
    for place, run in enumerate(runs):
        alone, env = build(run, CPU, 4, logging.getLogger(), compiled=False)
        course = rounds(run, alone, 0, lambda done: None, logging.getLogger())
        steps = next(course)
        with suppress(StopIteration):
            while True:
                steps = course.send(alone.make_round(env, steps))
        apart = (weights_told(table.said(place)) - weights_of(alone)).abs()
        assert (apart < TOLERANCE).float().mean() > AT_LEAST


def test_runs_that_find_no_memory_together_are_tried_by_half_and_one_alone_says_so(fold, monkeypatch):
    table = Table([Request(request_of(fold, seed), None, 0) for seed in range(5)])

    def no_room(group):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(table.trainer, "_teach", no_room)
    table.train()
    assert len(table.trainer.waiting) == 5
    assert table.trainer._limit(table.trainer.waiting[0]) == 2
    assert "memory" not in (told := table.said(0))
    assert told["log"] == "out of memory with 5 runs together, now 2: CUDA out of memory. Tried to allocate 2 GiB"
    table.trainer._train(table.trainer.waiting[:1])
    assert table.said(0)["memory"] == "CUDA out of memory. Tried to allocate 2 GiB"


def test_as_many_train_together_as_the_memory_allows(fold):
    run = request_of(fold)
    shape = NetworkShape.of(fold.train, (32, 32), 0)
    each = training_bytes(run.phases[0].agent, shape, "shared", 4, 128)
    for runs, memory in ((3, CONTEXT_BYTES + 3 * each), (2, CONTEXT_BYTES + 3 * each - 1), (1, 1)):
        table = Table([Request(run, None, 0)], Device("cuda", memory))
        assert table.trainer._limit(table.trainer.waiting[0]) == runs


@pytest.mark.parametrize(
    ("same", "changes"),
    [
        (True, {"learning_rate": 3e-4, "gamma": 0.95, "ratio_clip": 0.1, "weight_decay": 1.0, "feature_noise": 0.1}),
        (False, {"net_dims_0": 48}),
        (False, {"batch_size": 48}),
        (False, {"horizon_len": 48}),
        (False, {"repeat_times": 2}),
        (False, {"budget": 64}),
        (False, {"training": {"num_envs": 8}}),
    ],
)
def test_which_runs_fit_together(fold, same, changes):
    """Those with equal shapes and numbers of updates, whatever varies as a number; windows of any length."""
    short = replace(fold, train=first_days(fold.train, 60))
    one, other = (Request(run, None, 0) for run in (request_of(fold), request_of(short, 1, **changes)))
    assert (kinship(one) == kinship(other)) == same


@pytest.mark.parametrize(
    ("company", "training"),
    [
        (True, {"together": 2}),
        (False, {"together": None}),
        (False, {"together": 1}),
        (False, {"together": 2, "deterministic": True}),
    ],
)
def test_on_a_cpu_runs_meet_where_that_is_asked_for(fold, company, training):
    assert (find_company(request_of(fold, training=training), logging.getLogger()) is not None) == company


@pytest.mark.parametrize(("num_envs", "device"), [(255, None), (256, "0")])
def test_auto_meets_on_a_gpu_from_256_portfolios_on(fold, tmp_path, monkeypatch, num_envs, device):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(client, "lease_folder", lambda environment: tmp_path)
    run = request_of(fold, training={"device": "auto", "num_envs": num_envs, "together": None})
    company = find_company(run, logging.getLogger())
    assert (company and company.desk.device) == device


@pytest.mark.parametrize(("agent", "changes"), [("td3", {}), ("ppo", {"dropout": 0.1})])
def test_runs_that_no_stacked_learner_makes_train_by_themselves(fold, agent, changes):
    assert find_company(request_of(fold, agent=agent, **changes), logging.getLogger()) is None


def test_runs_of_markets_with_other_periods_do_not_meet(fold):
    """A year's interest is another one per period there."""
    hourly = replace(fold, train=replace(fold.train, periods_per_year=1764))
    assert kinship(Request(request_of(fold), None, 0)) != kinship(Request(request_of(hourly), None, 0))


def test_however_many_jobs_ask_a_device_has_as_many_processes_as_runs_per_gpu(fold, tmp_path, monkeypatch):
    """Twelve jobs on two devices of two processes each: three jobs ask each of the four."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr(client, "lease_folder", lambda environment: tmp_path)
    run = request_of(fold, training={"device": "cuda", "runs_per_gpu": 2, "together": None})
    companies = [find_company(run, logging.getLogger()) for _ in range(12)]
    asked = Counter((company.desk.device, company.desk.place, company.desk.of) for company in companies)
    assert asked == {(device, place, 2): 3 for device in "01" for place in (0, 1)}


def test_a_trainer_leases_one_of_the_slots_that_runs_by_themselves_lease(monkeypatch):
    """``take_device`` makes it wait while runs_per_gpu processes hold the device."""
    taken = []
    monkeypatch.setattr(trainer, "take_device", lambda *asked: taken.append(asked[:2]) or CPU)
    for name in ("pin_threads", "keep_freed_memory", "set_arithmetic", "Trainer"):
        monkeypatch.setattr(trainer, name, MagicMock())
    trainer.serve(Path("nowhere"), MagicMock(), Desk("0", 1, 2, "float32", None))
    assert taken == [("cuda", 2)]


@pytest.fixture
def told(fold, tmp_path, monkeypatch):
    """Have a job hear what a trainer would say; what it does at the end stands in the agent that is returned."""
    monkeypatch.setattr(client, "LOOK_SECONDS", 0.01)
    run, log = request_of(fold), logging.getLogger()
    agent, _ = build(run, CPU, 1, log, compiled=False)
    saved = Checkpoint(tmp_path / "checkpoint.pt", lambda: "key", 0.0, log)

    def tell(*messages, terminated=False):
        saved.stopped_by = signal.SIGTERM if terminated else None
        own, end = Pipe()
        monkeypatch.setattr(client, "connect", lambda desk, request: own)
        for message in messages:
            end.send(message)
        if not messages:
            end.close()
        find_company(run, log).train(run, agent, saved, nullcontext, log)
        return agent

    return tell


def test_a_job_saves_the_state_that_it_has_asked_for_and_takes_what_was_trained(fold, told, tmp_path):
    _, trained = make("ppo", fold.train, 5)
    trained.curves = [{"vector_steps": 128}]
    agent = told(("begun", 2), ("state", packed({"done": 32})), ("trained", packed(outcome(trained))))
    assert torch.equal(weights_of(agent), weights_of(trained))
    assert agent.curves == [{"vector_steps": 128}]
    assert torch.load(tmp_path / "checkpoint.pt") == {"key": "key", "state": {"done": 32}}


def test_a_job_that_is_told_to_stop_ends_with_its_checkpoint_or_at_once_where_nothing_has_begun(told, tmp_path):
    with pytest.raises(SystemExit, match="143"):
        told(("log", "not begun"), terminated=True)
    assert not (tmp_path / "checkpoint.pt").exists()
    with pytest.raises(SystemExit, match="143"):
        told(("begun", 2), ("state", packed({"done": 64})), terminated=True)
    assert torch.load(tmp_path / "checkpoint.pt")["state"]["done"] == 64


@pytest.mark.parametrize(
    ("messages", "error", "reason"),
    [
        ([("failed", "the loss is not finite after 64 vector steps")], TrainingFailedError, "not finite after 64"),
        ([("memory", "CUDA out of memory")], MemoryError, "CUDA out of memory"),
        ([("error", "ValueError: no")], RuntimeError, "ValueError: no"),
        ([], ConnectionError, "the process that trained this run ended: see whether it was killed"),
    ],
)
def test_what_goes_wrong_in_company_is_what_would_go_wrong_alone(told, messages, error, reason):
    with pytest.raises(error, match=reason):
        told(*messages)


def test_a_job_says_in_one_line_why_no_trainer_starts(fold, desk, monkeypatch):
    """Where CUDA_VISIBLE_DEVICES hands over a device that torch does not see."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    monkeypatch.setattr(client, "lease_folder", lambda environment: desk)
    run, log = request_of(fold, training={"device": "auto"}), logging.getLogger()
    with pytest.raises(OSError, match=r"no process trains runs together on 7: ValueError: training.device is cuda .*"):
        client.connect(find_company(run, log).desk, Request(run, None, 0))
