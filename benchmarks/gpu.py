"""How fast runs train on a GPU, alone and beside others; what the device could do; what the machine's cores do.

``make bench-gpu`` (five minutes) prints tables and writes benchmarks/gpu.json, with the device's name. On a machine
without an NVIDIA GPU it says so, and measures nothing. ``--seconds`` bounds the time for its cases.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from benchmarks.record import machine
from workflow_scripts.data.fold_files import Segment
from workflow_scripts.data.folds import Fold, cut_fold
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.training.agents.base import Agent, agent_of
from workflow_scripts.training.compiled.choice import choose_learner
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.networks.shape import Architecture, NetworkShape
from workflow_scripts.training.run.devices import set_arithmetic
from workflow_scripts.training.run.memory import CONTEXT_BYTES, training_bytes
from workflow_scripts.training.run.threads import pin_threads
from workflow_scripts.training.together import graphs
from workflow_scripts.training.together.stack import Stack

RESULTS = Path(__file__).with_name("gpu.json")
TICKERS, TRAIN_DAYS, SECONDS_IN_ALL, SECONDS_A_CASE, SECONDS_OF_CORES = 20, 1008, 240.0, 1.5, 6.0
AGENTS, ARCHITECTURES, NUM_ENVS, RUNS = ("ppo", "sac"), ("shared", "flat"), (512, 16), (1, 6, 30, 120)
# The agents' defaults, but rounds so short that a case is measured in seconds, and a buffer that fits many runs.
SETTINGS: dict[str, dict[str, Any]] = {"ppo": {"horizon_len": 128}, "sac": {"horizon_len": 64, "buffer_size": 256}}
PLAN_RUNS, PLAN_STEPS, PLAN_ENVS = 300, 3000, 512


def window() -> Segment:
    """Return the training days of a planted market."""
    features = compute_features(synthetic_bars(TICKERS, 1600, 0.0015, 10, 0.01, seed=2), turbulence_days=252)
    return cut_fold(features, Fold(range(TRAIN_DAYS), range(TRAIN_DAYS + 5, TRAIN_DAYS + 257)))[0].train


def stack_of(segment: Segment, name: str, architecture: Architecture, envs: int, runs: int, device: str) -> Stack:
    """Return runs of an agent with seeds of their own, side by side on a device."""
    settings = agent_of(name).of(SETTINGS[name])
    own = [make_env(segment, EnvironmentSettings(), architecture, envs, seed, device, True) for seed in range(runs)]
    agents = [settings.learner()(segment, env, settings, architecture, seed=seed) for seed, env in enumerate(own)]
    learner = settings.stacked_learner()
    assert learner is not None
    return learner(agents, own)


def rounds_a_second(round_once: Any, device: str, seconds: float) -> float:
    """Return how often something can be done a second of the clock, after two times that record and warm up."""
    for _ in range(2):
        round_once()
    wait_for(device)
    began, done = time.perf_counter(), 0
    while done == 0 or time.perf_counter() - began < seconds:
        round_once()
        wait_for(device)
        done += 1
    return done / (time.perf_counter() - began)


def wait_for(device: str) -> None:
    """Wait until a device has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()


def products_of_a_round(
    name: str, settings: Agent, shape: NetworkShape, architecture: Architecture, envs: int
) -> float:
    """Return the floating-point operations of the layers in a round of one run, two a multiply-add.

    A state collected passes the policy, and with PPO the critic; the first layer's part that portfolios share is left
    out there. An update goes forward once and back twice; SAC's has two critics, their two targets, which an actor's
    update passes once more and back once, and the policy on states and on next states.
    """
    rows, inputs, hidden = shape.widths(architecture)
    own = 2 if architecture == "shared" else shape.tickers + 1
    later = sum(one * other for one, other in pairwise(hidden)) + hidden[-1]
    collected, whole = rows * (own * hidden[0] + later), rows * (inputs * hidden[0] + later)
    steps, updates = settings.horizon_len, max(1, settings.updates(settings.horizon_len))
    if name == "ppo":
        return 2.0 * (2 * steps * envs * collected + updates * settings.batch_size * 2 * 3 * whole)
    passes = 2 * 3 + 2 + 2 * 2 + 1 + 3
    return 2.0 * (steps * envs * collected + updates * settings.batch_size * passes * whole)


def bytes_of_a_round(settings: Agent, shape: NetworkShape, architecture: Architecture, envs: int) -> float:
    """Return bytes that a round of one run moves at the very least: what hidden layers hand on, written and read."""
    rows, inputs, hidden = shape.widths(architecture)
    steps, updates = settings.horizon_len, max(1, settings.updates(settings.horizon_len))
    states = steps * envs * rows * sum(hidden)
    return 4.0 * 2 * (2 * states + 3 * 2 * updates * settings.batch_size * rows * (inputs + sum(hidden)))


def ceilings() -> dict[str, float]:
    """Return what the device reaches: FLOP a second of products of 8192² in two precisions, and bytes a second."""
    left, right, out = (torch.randn(8192, 8192, device="cuda") for _ in range(3))
    found = {}
    for precision in ("float32", "tf32"):
        set_arithmetic("cuda", precision, deterministic=False)
        rate = rounds_a_second(lambda: torch.mm(left, right, out=out), "cuda", 1.0)
        found[f"{precision}_flop_per_s"] = rate * 2.0 * 8192**3
    set_arithmetic("cuda", "float32", deterministic=False)
    source = torch.zeros(2**28, device="cuda")
    target = torch.empty_like(source)
    found["bytes_per_s"] = rounds_a_second(lambda: target.copy_(source), "cuda", 1.0) * 2 * 4 * 2**28
    return found


def measure_case(
    segment: Segment, name: str, architecture: Architecture, envs: int, runs: int, bounds: dict[str, float]
) -> dict[str, Any]:
    """Return the vector steps a second of runs side by side, their memory, and the shares of the bounds."""
    case: dict[str, Any] = {"agent": name, "architecture": architecture, "num_envs": envs, "runs": runs}
    settings = agent_of(name).of(SETTINGS[name])
    shape = NetworkShape.of(segment, settings.net_dims, -0.5)
    estimate = training_bytes(settings, shape, architecture, envs, TRAIN_DAYS)
    case["estimated_bytes"] = estimate * runs
    if CONTEXT_BYTES + estimate * runs > torch.cuda.mem_get_info()[0]:
        return case | {"left_out": "does not fit into the memory"}
    torch.cuda.reset_peak_memory_stats()
    try:
        stack = stack_of(segment, name, architecture, envs, runs, "cuda")
        rate = rounds_a_second(lambda: stack.learn(settings.horizon_len), "cuda", SECONDS_A_CASE)
    except torch.OutOfMemoryError:
        return case | {"left_out": "out of memory"}
    flop = products_of_a_round(name, settings, shape, architecture, envs) * runs * rate
    moved = bytes_of_a_round(settings, shape, architecture, envs) * runs * rate
    return case | {
        "vector_steps_per_s": round(rate * runs * settings.horizon_len),
        "peak_bytes": torch.cuda.max_memory_allocated(),
        "flop_share": round(flop / bounds["float32_flop_per_s"], 4),
        "bandwidth_share": round(moved / bounds["bytes_per_s"], 4),
    }


def eager_rates(segment: Segment) -> dict[str, float]:
    """Return the vector steps a second of one run of PPO: by the plain learner, and stacked without graphs."""
    settings = agent_of("ppo").of(SETTINGS["ppo"])
    env = make_env(segment, EnvironmentSettings(), "shared", PLAN_ENVS, 0, "cuda", True)
    agent = settings.learner()(segment, env, settings, "shared")
    found = {"plain": rounds_a_second(lambda: agent.learn(env, settings.horizon_len), "cuda", SECONDS_A_CASE)}
    warm_ups, graphs.WARM_UPS = graphs.WARM_UPS, sys.maxsize
    stack = stack_of(segment, "ppo", "shared", PLAN_ENVS, 1, "cuda")
    found["without_graphs"] = rounds_a_second(lambda: stack.learn(settings.horizon_len), "cuda", SECONDS_A_CASE)
    graphs.WARM_UPS = warm_ups
    return {name: round(rate * settings.horizon_len) for name, rate in found.items()}


def steps_on_a_core(segment: Segment, envs: int, seconds: float) -> float:
    """Return the vector steps a second of one run of PPO on this core, compiled."""
    pin_threads()
    settings = agent_of("ppo").of(SETTINGS["ppo"])
    env = make_env(segment, EnvironmentSettings(), "shared", envs, random_start=True)
    agent = choose_learner(settings, env.settings, "shared", "cpu")(segment, env, settings)
    return rounds_a_second(lambda: agent.learn(env, settings.horizon_len), "cpu", seconds) * settings.horizon_len


def steps_on_all_cores(segment: Segment) -> dict[int, float]:
    """Return the vector steps a second of as many runs at once as cores, one on each, by their number of portfolios."""
    found = {}
    for envs in NUM_ENVS:
        steps_on_a_core(segment, envs, 0.0)  # compiles
        command = [sys.executable, __file__, "--one-core", str(envs)]
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(cores())]
        found[envs] = sum(float(process.communicate()[0]) for process in processes)
    return found


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def cases(segment: Segment, bounds: dict[str, float], ends: float) -> Iterator[dict[str, Any]]:
    """Measure one case after the other while there is time; name those that it did not suffice for."""
    for envs, runs, name, architecture in product(NUM_ENVS, RUNS, AGENTS, ARCHITECTURES):
        asked = {"agent": name, "architecture": architecture, "num_envs": envs, "runs": runs}
        late = time.perf_counter() > ends
        case = (
            asked | {"left_out": "no time"} if late else measure_case(segment, name, architecture, envs, runs, bounds)
        )
        print(json.dumps(case), flush=True)
        gc.collect()
        torch.cuda.empty_cache()
        yield case


def plan(found: Sequence[dict[str, Any]], on_cores: float) -> dict[str, Any] | None:
    """Return how long the plan's runs take on the GPU, at the best rate of those measured, and on the cores.

    None where no run of its size was measured yet.
    """
    rates = [
        case["vector_steps_per_s"]
        for case in found
        if (case["agent"], case["architecture"], case["num_envs"]) == ("ppo", "shared", PLAN_ENVS)
        and "vector_steps_per_s" in case
    ]
    if not rates:
        return None
    steps = PLAN_RUNS * PLAN_STEPS
    gpu, cpu = steps / max(rates), steps / on_cores
    return {
        "runs": PLAN_RUNS,
        "vector_steps_each": PLAN_STEPS,
        "num_envs": PLAN_ENVS,
        "gpu_s": round(gpu, 1),
        "cores": cores(),
        "cores_s": round(cpu, 1),
        "ratio": round(cpu / gpu, 1),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS_IN_ALL, help="how long the cases may take")
    parser.add_argument("--one-core", type=int, help="print the rate of one core with so many portfolios, no more")
    asked, segment = parser.parse_args(), window()
    if asked.one_core:
        print(steps_on_a_core(segment, asked.one_core, SECONDS_OF_CORES))
        return
    if not torch.cuda.is_available():
        print("bench-gpu: torch sees no NVIDIA GPU on this machine: nothing was measured")
        return
    set_arithmetic("cuda", "float32", deterministic=False)
    bounds, on_cores, eager = ceilings(), steps_on_all_cores(segment), eager_rates(segment)
    known = {
        "device": torch.cuda.get_device_name(),
        "machine": machine(),
        "torch": torch.__version__,
        "ceilings": {name: round(value) for name, value in bounds.items()},
        "one_run_of_ppo_shared_512": eager,
        "ppo_shared_on_all_cores": {f"num_envs {envs}": round(rate) for envs, rate in on_cores.items()},
    }
    found: list[dict[str, Any]] = []
    for case in cases(segment, bounds, time.perf_counter() + asked.seconds):
        found.append(case)  # a benchmark that is stopped leaves what it has measured
        known["plan"] = plan(found, on_cores[PLAN_ENVS])
        RESULTS.write_text(json.dumps(known | {"cases": found}, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(known, indent=1))


if __name__ == "__main__":
    main()
