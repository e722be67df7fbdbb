"""How fast the environment and the trainer are, beside the installed elegantrl and the machine's limit.

Everything in one process, one thread, CPU seconds, repetitions in turn, so that a ratio compares like with like on a
busy machine too. ``python benchmarks/speed.py`` (about five minutes) prints tables, writes them to
benchmarks/results.md and its figures into benchmarks/results.json, whose other keys it leaves alone.
"""

import gc
import io
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import matplotlib.pyplot as plt
import numpy as np
import torch
from elegantrl.agents import AgentDDPG, AgentModSAC, AgentPPO, AgentSAC, AgentTD3
from elegantrl.envs.StockTradingEnv import StockTradingVecEnv
from elegantrl.envs.StockTradingVmapEnv import StockTradingVmapEnv
from elegantrl.train.config import Config
from elegantrl.train.replay_buffer import ReplayBuffer

from benchmarks.record import machine as processor
from workflow_scripts.data.fold_files import Segment
from workflow_scripts.data.folds import Fold, cut_fold
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.training.agents.base import agent_of
from workflow_scripts.training.compiled.choice import choose_learner
from workflow_scripts.training.environment.settings import ActionMode, EnvironmentSettings
from workflow_scripts.training.environment.trading_env import TradingEnv, make_env
from workflow_scripts.training.learners.on_policy import PolicyGradient
from workflow_scripts.training.run.threads import pin_threads
from workflow_scripts.workflow.files import write_json

FOLDER = Path(__file__).resolve().parent
TICKERS, ENVS, HORIZON, NET, REPETITIONS = 28, 512, 512, (256, 128), 5
NUM_ENVS = (16, 64, 256, 512, 1024, 4096)
PPO_SETTINGS = {
    "net_dims_0": NET[0],
    "net_dims_1": NET[1],
    "horizon_len": HORIZON,
    "batch_size": 512,
    "repeat_times": 16,
}
OFF_POLICY_SETTINGS = {
    "net_dims_0": NET[0],
    "net_dims_1": NET[1],
    "horizon_len": 64,
    "batch_size": 256,
    "buffer_size": 512,
    "repeat_times": 0.5,
    "n_step": 1,  # elegantrl has no other
}
AS_SHIPPED = ("ppo", "a2c", "ddpg", "td3", "sac", "modsac")
OFF_POLICY = {"SAC": AgentSAC, "ModSAC": AgentModSAC, "TD3": AgentTD3, "DDPG": AgentDDPG}
FAULTS = """\
What the comparison meets in elegantrl 0.3.6:
- StockTradingVecEnv.step overwrites the action with ones (`action = torch.ones_like(action)`): every policy buys, and
  the branch that sells never runs. It is the faster one, and the one that the ratios are taken against.
- StockTradingVmapEnv handles ticker i of each portfolio that sells any ticker: where that one buys i, it buys twice.
- Neither counts the fee when it asks what cash can buy: cash ends below zero.
- Both write the whole observation of every portfolio; this environment writes cash and holdings, and its policy adds
  the market up once a day. "With observations" writes all numbers, as theirs do.
- AgentSAC's two critics share their layers but the last, half the operations of two independent ones, as ours are."""


@dataclass(frozen=True)
class Rate:
    """Repetitions of one measurement, in units per CPU second."""

    values: list[float]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def shown(self) -> str:
        """Return the median and the range."""
        digits = 0 if self.median >= 100 else 1
        least, most = min(self.values), max(self.values)
        return f"{self.median:,.{digits}f} ({least:,.{digits}f} – {most:,.{digits}f})"


def measure(runs: Mapping[str, tuple[Callable[[], None], float]]) -> dict[str, Rate]:
    """Run each in turn, once to warm up and then REPETITIONS times; each says how many units it makes."""
    values: dict[str, list[float]] = {name: [] for name in runs}
    for repetition in range(REPETITIONS + 1):
        for name, (run, units) in runs.items():
            gc.collect()
            began = time.process_time()
            run()
            if repetition:
                values[name].append(units / (time.process_time() - began))
    return {name: Rate(rates) for name, rates in values.items()}


def window(tickers: int) -> Segment:
    """Return 1008 days of a planted market."""
    features = compute_features(synthetic_bars(tickers, 1600, 0.0015, 10, 0.01, seed=2), turbulence_days=252)
    return cut_fold(features, Fold(range(1008), range(1013, 1265)))[0].train


def upstream_env(kind: type, segment: Segment, num_envs: int) -> Any:
    """Return elegantrl's environment on the same prices, with observations of the same size."""
    technical = segment.flat_features[:, : segment.flat_features.shape[1] - segment.close.shape[1]]

    class Loaded(kind):  # type: ignore[misc, valid-type]
        def load_data_from_disk(self) -> tuple[np.ndarray, np.ndarray]:
            return segment.close, technical

    with redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):  # one prints its sizes, both warn
        env = Loaded(num_envs=num_envs, end_idx=len(segment.close), gpu_id=-1)
    env.reset()
    return env


def step_ours(segment: Segment, num_envs: int, mode: ActionMode, observations: bool) -> Callable[[int], None]:
    """Return a function that steps this environment as a rollout does."""
    env = TradingEnv(
        segment.close,
        num_envs,
        EnvironmentSettings(action_mode=mode),
        observe="shares" if mode == "shares" else "weights",
        random_start=True,
    )
    actions = torch.rand(16, num_envs, env.action_dim) * 2 - 1
    table = torch.as_tensor(segment.flat_features)
    states, rewards = torch.empty(16, num_envs, env.state_dim), torch.empty(16, num_envs)
    whole = torch.empty(num_envs, env.state_dim - 1 + table.shape[1])

    def run(steps: int) -> None:
        for step in range(steps):
            place = step % 16
            state, _, last = env.step(actions[place], states[place], rewards[place])
            if observations:
                torch.cat([state[:, 1:], table[env.day].expand(num_envs, -1)], dim=1, out=whole)
            if last:
                env.reset()

    return run


def step_theirs(kind: type, segment: Segment, num_envs: int) -> Callable[[int], None]:
    """Return a function that steps an environment of elegantrl, reset before its end, where one raises IndexError."""
    env = upstream_env(kind, segment, num_envs)
    actions = torch.rand(16, num_envs, TICKERS) * 2 - 1

    def run(steps: int) -> None:
        for step in range(steps):
            if env.day >= env.max_step - 2:
                env.reset()
            env.step(actions[step % 16])

    return run


def measure_environments(segment: Segment) -> tuple[list[str], dict[str, Any]]:
    """Return a table over num_envs, and the ratios at ENVS."""
    kinds = {
        "this one": lambda envs: step_ours(segment, envs, "shares", observations=False),
        "with observations": lambda envs: step_ours(segment, envs, "shares", observations=True),
        "mode tilt": lambda envs: step_ours(segment, envs, "tilt", observations=False),
        "StockTradingVecEnv": lambda envs: step_theirs(StockTradingVecEnv, segment, envs),
        "StockTradingVmapEnv": lambda envs: step_theirs(StockTradingVmapEnv, segment, envs),
    }
    medians: dict[str, list[float]] = {name: [] for name in kinds}
    found: dict[str, Any] = {}
    for envs in NUM_ENVS:
        runs = {}
        for name, make in kinds.items():
            steps = (20 if envs <= 1024 else 8) if name.startswith("Stock") else max(100, 300_000 // envs)
            runs[name] = (partial(make(envs), steps), float(steps * envs))
        rates = measure(runs)
        for name, rate in rates.items():
            medians[name].append(rate.median)
        if envs == ENVS:
            ours, observed, _, vec, vmap = (rate.median for rate in rates.values())
            found = {
                "env_steps_per_cpu_second": round(ours),
                "env_ratio": round(ours / vec, 1),
                "env_ratio_with_observations": round(observed / vec, 1),
                "env_ratio_to_vmap_env": round(ours / vmap, 1),
                "env_spread": [round(value) for value in sorted(rates["this one"].values)],
            }
    rows = ["| env-steps per CPU second | " + " | ".join(f"{envs} envs" for envs in NUM_ENVS) + " |"]
    rows.append("|---" * (len(NUM_ENVS) + 1) + "|")
    for name, values in medians.items():
        rows.append(f"| {name} | " + " | ".join(f"{value:,.0f}" for value in values) + " |")
    plot_environments(medians)
    return rows, found


def plot_environments(medians: Mapping[str, list[float]]) -> None:
    """Draw the rates over num_envs."""
    figure, axes = plt.subplots(figsize=(6, 4))
    for name, values in medians.items():
        axes.loglog(NUM_ENVS, values, marker="o", label=name)
    axes.set_xlabel("portfolios side by side")
    axes.set_ylabel("env-steps per CPU second")
    axes.legend()
    figure.tight_layout()
    figure.savefig(FOLDER / "env_steps.svg", metadata={"Date": None})
    plt.close(figure)


def upstream_agent(kind: type, env: Any, settings: Mapping[str, Any]) -> Any:
    """Return elegantrl's agent at the same settings, with its first state."""
    config = Config(agent_class=kind)
    config.num_envs, config.gamma, config.learning_rate = env.num_envs, 0.985, 3e-4
    config.batch_size, config.repeat_times = settings["batch_size"], settings["repeat_times"]
    agent = kind(list(NET), env.state_dim, env.action_dim, gpu_id=-1, args=config)
    agent.last_state = env.reset()
    return agent


def iterate_theirs(kind: type, segment: Segment, settings: Mapping[str, Any]) -> Callable[[], None]:
    """Return one round of elegantrl's agent on its own environment in a plain loop: collect, then update."""
    env = upstream_env(StockTradingVecEnv, segment, ENVS)
    agent = upstream_agent(kind, env, settings)
    if kind is AgentPPO:
        return lambda: agent.update_net(agent.explore_env(env, HORIZON))
    buffer = ReplayBuffer(settings["buffer_size"], env.state_dim, env.action_dim, -1, num_envs=ENVS)

    def run() -> None:
        with torch.no_grad():
            buffer.update(agent.explore_env(env, settings["horizon_len"]))
        agent.update_net(buffer)

    return run


def iterate_ours(
    name: str,
    segment: Segment,
    settings: Mapping[str, Any],
    architecture: Any,
    mode: ActionMode,
    num_envs: int,
    plain: bool = False,
) -> tuple[Callable[[], None], Any, TradingEnv]:
    """Return one round of this project's agent, compiled unless said, with the agent and its environment."""
    env = make_env(segment, EnvironmentSettings(action_mode=mode), architecture, num_envs, random_start=True)
    hyperparameters = agent_of(name).of(settings)
    chosen = choose_learner(hyperparameters, env.settings, architecture, "cpu")
    learner = hyperparameters.learner() if plain else chosen
    agent = learner(segment, env, hyperparameters, architecture)
    return lambda: agent.learn(env, agent.settings.horizon_len) and None, agent, env


def measure_as_shipped() -> tuple[list[str], dict[str, Any]]:
    """Return a table of each agent as shipped, compiled beside plain, and its figures."""
    segment, runs = window(20), {}
    for name in AS_SHIPPED:
        for how in ("compiled", "plain"):
            run, agent, _ = iterate_ours(name, segment, {}, "shared", "tilt", 16, plain=how == "plain")
            run()  # at random where the agent is off-policy: the kernel that collects is first called by the next
            runs[f"{name}, {how}"] = run, agent.settings.horizon_len
    rates = measure(runs)
    rows = ["| as shipped, vector steps per CPU second | compiled | plain | ratio |", "|---|---|---|---|"]
    figures = {}
    for name in AS_SHIPPED:
        compiled, plain = (rates[f"{name}, {how}"] for how in ("compiled", "plain"))
        ratio = compiled.median / plain.median
        rows.append(f"| {name} | {compiled.shown()} | {plain.shown()} | {ratio:.1f} |")
        figures[f"shipped_{name}_vector_steps_per_cpu_second"] = round(compiled.median)
        figures[f"{name}_compiled_ratio"] = round(ratio, 2)
    return rows, figures


def ppo_products(segment: Segment, updates: int, batch: int) -> list[tuple[int, int, int, int]]:
    """Return the matrix products that a round of PPO cannot do without, flat network: rows, inner, columns, times.

    Collecting and valuing: all layers for every state, the first one over cash and holdings alone, and over the
    market's numbers once a day. An update: forward, the weights' gradients, and the inputs' gradients of all layers
    but the first, over all numbers of a state.
    """
    portfolio, market = TICKERS + 1, segment.flat_features.shape[1]
    found = []
    for outputs in (TICKERS, 1):
        layers = [(portfolio + market, NET[0]), (NET[0], NET[1]), (NET[1], outputs)]
        found.append((HORIZON, market, NET[0], 1))
        found += [(ENVS, inputs, width, HORIZON) for inputs, width in [(portfolio, NET[0]), *layers[1:]]]
        found += [(batch, inputs, width, updates) for inputs, width in layers]
        found += [(inputs, batch, width, updates) for inputs, width in layers]
        found += [(batch, width, inputs, updates) for inputs, width in layers[1:]]
    return found


def multiply(products: list[tuple[int, int, int, int]]) -> tuple[Callable[[], None], float]:
    """Return a run of float32 matrix products and nothing else, and its operations, two a multiply-add."""
    operands = [
        (torch.randn(rows, inner), torch.randn(inner, columns), torch.empty(rows, columns), times)
        for rows, inner, columns, times in products
    ]

    def run() -> None:
        for left, right, out, times in operands:
            for _ in range(times):
                torch.mm(left, right, out=out)

    return run, sum(2.0 * math.prod(of_product) for of_product in products)


def split_of_an_iteration(agent: PolicyGradient, env: TradingEnv) -> dict[str, float]:
    """Return the shares of environment, inference, values and updates in a round's CPU seconds."""
    shares: dict[str, list[float]] = {"environment": [], "inference": [], "values": [], "updates": []}
    for _ in range(REPETITIONS):
        taken, step = [0.0], env.step

        def timed(*arguments: Any, taken: list[float] = taken, step: Any = step) -> Any:
            began = time.process_time()
            result = step(*arguments)
            taken[0] += time.process_time() - began
            return result

        marks = [time.process_time()]
        env.step = timed  # type: ignore[method-assign]
        rollout = agent.explore(env, HORIZON)
        env.step = step  # type: ignore[method-assign]
        marks.append(time.process_time())
        with torch.no_grad():
            agent.advantages(rollout.rewards, rollout.undones, agent.values(rollout.states))
        marks.append(time.process_time())
        agent.update_net(rollout)
        marks.append(time.process_time())
        explored, valued, updated = (later - sooner for sooner, later in pairwise(marks))
        total = explored + updated
        for name, seconds in zip(shares, (taken[0], explored - taken[0], valued, updated - valued), strict=True):
            shares[name].append(seconds / total)
    return {name: round(statistics.median(values), 3) for name, values in shares.items()}


def measure_off_policy(segment: Segment) -> dict[str, Rate]:
    """Return vector steps per CPU second of the off-policy agents; two of them bring an update."""
    runs: dict[str, tuple[Callable[[], None], float]] = {}
    steps = OFF_POLICY_SETTINGS["horizon_len"]
    for name, kind in OFF_POLICY.items():
        runs[f"{name}, this one"] = (
            iterate_ours(name.lower(), segment, OFF_POLICY_SETTINGS, "flat", "shares", ENVS)[0],
            steps,
        )
        runs[f"{name}, elegantrl"] = iterate_theirs(kind, segment, OFF_POLICY_SETTINGS), steps
    return measure(runs)


def off_policy_ratios(rates: Mapping[str, Rate]) -> dict[str, float]:
    """Return how many times as fast as elegantrl's each off-policy agent is."""
    return {
        f"{name.lower()}_ratio": round(rates[f"{name}, this one"].median / rates[f"{name}, elegantrl"].median, 2)
        for name in OFF_POLICY
    }


def measure_agents(segment: Segment) -> tuple[list[str], dict[str, Any]]:
    """Return a table of vector steps per CPU second, and the figures beside it."""
    ppo, agent, env = iterate_ours("ppo", segment, PPO_SETTINGS, "flat", "shares", ENVS)
    products, needed = multiply(ppo_products(segment, agent.settings.updates(HORIZON), agent.settings.batch_size))
    rates = measure(
        {
            "PPO, this one": (ppo, HORIZON),
            "PPO, elegantrl": (iterate_theirs(AgentPPO, segment, PPO_SETTINGS), HORIZON),
            "products": (products, needed),
            "large products": multiply([(1024, 1024, 1024, 20)]),
        }
    )
    off_policy = measure_off_policy(segment)
    of_shipped, figures_of_shipped = measure_as_shipped()
    peak, largest = (rates.pop(name).median for name in ("products", "large products"))
    bound = HORIZON / (needed / peak)
    ours, theirs = (rate.median for rate in rates.values())
    rows = ["| vector steps per CPU second | median (range of five) |", "|---|---|"]
    rows += [f"| {name}, 512 envs, flat 256×128 | {rate.shown()} |" for name, rate in (rates | off_policy).items()]
    rows += ["", *of_shipped]
    split = split_of_an_iteration(agent, env)
    rows += [
        "",
        "| share of a PPO round | |",
        "|---|---|",
        *(f"| {name} | {part:.0%} |" for name, part in split.items()),
    ]
    return rows, {
        "ppo_ratio": round(ours / theirs, 2),
        "ppo_vector_steps_per_cpu_second": round(ours),
        "flop_fraction": round(ours / bound, 3),
        "products_gflops": round(peak / 1e9, 1),
        "matmul_gflops": round(largest / 1e9, 1),
        "ppo_gflop_a_round": round(needed / 1e9, 1),
        **off_policy_ratios(off_policy),
        "split": split,
        **figures_of_shipped,
    }


def peak_megabytes(whose: str) -> float:
    """Return the most memory that a process of its own takes for a round of PPO, above what it takes to get there."""
    code = f"import benchmarks.speed as speed; speed.report_peak({whose!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=FOLDER.parent, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def report_peak(whose: str) -> None:
    """Print what a round of PPO adds to this process's peak memory, in MB."""
    pin_threads()
    segment = window(TICKERS)
    if whose == "ours":
        run = iterate_ours("ppo", segment, PPO_SETTINGS, "flat", "shares", ENVS)[0]
    else:
        run = iterate_theirs(AgentPPO, segment, PPO_SETTINGS)
    status = Path("/proc/self/status")
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # forget the peak of setting up
    before = status.read_text(encoding="utf-8")
    run()
    marks = (
        re.search(rf"{key}:\s+(\d+)", text)
        for key, text in (("VmRSS", before), ("VmHWM", status.read_text(encoding="utf-8")))
    )
    least, most = (int(mark[1]) for mark in marks if mark)
    print((most - least) / 1024)


def main() -> None:
    """Measure, print and write."""
    pin_threads()
    segment = window(TICKERS)
    env_rows, found = measure_environments(segment)
    agent_rows, more = measure_agents(segment)
    memory = {f"ppo_peak_mb_{whose}": round(peak_megabytes(whose)) for whose in ("ours", "theirs")}
    found |= more | memory
    machine = f"{processor()}, {os.cpu_count()} cores, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}"
    text = "\n".join(
        [
            f"{machine}; {TICKERS} tickers, one thread, median of {REPETITIONS} repetitions in turn",
            "",
            *env_rows,
            "",
            *agent_rows,
            "",
            f"Memory of a PPO round: {memory['ppo_peak_mb_ours']} MB, elegantrl {memory['ppo_peak_mb_theirs']} MB.",
            f"A round needs {found['ppo_gflop_a_round']} GFLOP. Matrix products of its shapes alone run at "
            f"{found['products_gflops']} GFLOP/s, of 1024² at {found['matmul_gflops']}: "
            f"{found['flop_fraction']:.0%} of the former is reached.",
            "",
            FAULTS,
        ]
    )
    print(text)
    (FOLDER / "results.md").write_text(text + "\n")
    results = FOLDER / "results.json"
    write_json(results, (json.loads(results.read_text()) if results.exists() else {}) | {"machine": machine} | found)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
