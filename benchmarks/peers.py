"""How fast training is beside stable-baselines3 on the same environment, and beside a jitted loop in JAX on its law.

Rounds of PPO and SAC with the shipped settings: as many vector steps, as many updates of as many transitions. SB3 has
its own networks of the shipped widths over all numbers of a state, which are fewer operations than ``shared``'s over
each ticker; the loop in JAX has those of ``shared``, then those of ``flat`` with 512 portfolios, and its compilation is
not counted but said. One process, one thread, CPU seconds, repetitions in turn. ``python benchmarks/peers.py`` (three
CPU minutes) writes sb3_ppo_ratio, sb3_sac_ratio, jax_ratio and jax_flat_ratio into ``benchmarks/results.json``. What it
compares with: ``pip install -r requirements-bench.txt -c requirements.txt``; a package that is not there is left out.
"""

import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from benchmarks.record import machine, record
from benchmarks.speed import iterate_ours, measure, window
from workflow_scripts.data.fold_files import Segment
from workflow_scripts.training.agents.base import agent_of
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.run.threads import pin_threads

TICKERS, ENVS, MANY_ENVS = 20, 16, 512


def sb3_round(name: str, segment: Segment, num_envs: int) -> Callable[[], None]:
    """Return a round of stable-baselines3's agent on this environment, whose states show all numbers of a day."""
    from gymnasium import spaces
    from stable_baselines3 import PPO, SAC
    from stable_baselines3.common.vec_env import VecEnv

    env = make_env(segment, EnvironmentSettings(), "shared", num_envs, random_start=True)
    market = torch.as_tensor(segment.flat_features)

    class OfSB3(VecEnv):  # type: ignore[misc]
        """The portfolios as SB3 has environments; the end of the data is a truncation."""

        def __init__(self) -> None:
            numbers = env.state_dim - 1 + market.shape[1]
            seen = spaces.Box(-np.inf, np.inf, (numbers,), np.float32)
            super().__init__(num_envs, seen, spaces.Box(-1, 1, (env.action_dim,), np.float32))

        def observation(self, state: torch.Tensor) -> Any:
            return torch.cat([state[:, 1:], market[env.day].expand(num_envs, -1)], dim=1).numpy()

        def reset(self) -> Any:
            return self.observation(env.reset())

        def step_async(self, actions: Any) -> None:
            self.actions = torch.as_tensor(actions)

        def step_wait(self) -> Any:
            state, reward, last = env.step(self.actions)
            seen, infos = self.observation(state), [{} for _ in range(num_envs)]
            if last:
                infos = [{"terminal_observation": row, "TimeLimit.truncated": True} for row in seen]
                seen = self.reset()
            return seen, reward.numpy(), np.full(num_envs, last), infos

        def close(self) -> None: ...

        def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
            return [None] * num_envs

        def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None: ...

        def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
            return [None] * num_envs

        def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
            return [False] * num_envs

    agent = agent_of(name).of({})
    steps, batch, widths = agent.horizon_len, agent.batch_size, [agent.net_dims_0, agent.net_dims_1]
    common = {"learning_rate": agent.learning_rate, "gamma": agent.gamma, "batch_size": batch, "device": "cpu"}
    common["policy_kwargs"] = {"net_arch": widths}
    if name == "ppo":
        # Its epochs draw each transition once.
        epochs, rest = divmod(agent.updates(steps) * batch, steps * num_envs)
        assert epochs and not rest
        peer = PPO("MlpPolicy", OfSB3(), n_steps=steps, n_epochs=epochs, clip_range=agent.ratio_clip, **common)
    else:
        common |= {"buffer_size": agent.buffer_size * num_envs, "learning_starts": 0, "train_freq": (steps, "step")}
        peer = SAC("MlpPolicy", OfSB3(), gradient_steps=agent.updates(steps), tau=agent.soft_update_tau, **common)
    return lambda: peer.learn(steps * num_envs, reset_num_timesteps=False) and None


def jax_round(segment: Segment, num_envs: int, ours: Any) -> Callable[[], None]:
    """Return a round of the loop in JAX with the networks of this project's agent, after it has been compiled."""
    from benchmarks.jitted import Flat, Shared, make_round

    widths = tuple(ours.act.widths.hidden)
    if ours.act.architecture == "flat":
        kind, deep = Flat(segment), widths[1]
    else:
        kind, deep = Shared(segment), ours.cri.value[0].out_features
    run = make_round(segment, agent_of("ppo").of({}), EnvironmentSettings(), num_envs, kind, widths, deep)
    began = time.process_time()
    run()
    print(f"JAX compiles for {time.process_time() - began:.1f} CPU s")
    return run


def main() -> None:
    """Measure what is installed, print a table, record the ratios."""
    pin_threads()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # XLA's threads would take a core each
    segment = window(TICKERS)
    ppo, agent, _ = iterate_ours("ppo", segment, {}, "shared", "tilt", ENVS)
    steps = {name: agent_of(name).of({}).horizon_len for name in ("ppo", "sac")}
    runs: dict[str, tuple[Callable[[], None], float]] = {"PPO, this one": (ppo, steps["ppo"])}
    if found := find_spec("stable_baselines3"):
        runs["PPO, SB3"] = sb3_round("ppo", segment, ENVS), steps["ppo"]
    if find_spec("jax"):
        runs["PPO, JAX"] = jax_round(segment, ENVS, agent), steps["ppo"]
        flat, agent, _ = iterate_ours("ppo", segment, {}, "flat", "tilt", MANY_ENVS)
        runs["PPO flat, 512 portfolios, this one"] = flat, steps["ppo"]
        runs["PPO flat, 512 portfolios, JAX"] = jax_round(segment, MANY_ENVS, agent), steps["ppo"]
    if found:
        runs["SAC, this one"] = iterate_ours("sac", segment, {}, "shared", "tilt", ENVS)[0], steps["sac"]
        runs["SAC, SB3"] = sb3_round("sac", segment, ENVS), steps["sac"]
    if len(runs) == 1:
        print("nothing to compare with: pip install -r requirements-bench.txt")
        return
    rates = measure(runs)
    print(f"{machine()}; {TICKERS} tickers, {ENVS} portfolios or as said, shipped settings, one thread\n")
    print("| vector steps per CPU second | median (range of five) |\n|---|---|")
    for name, rate in rates.items():
        print(f"| {name} | {rate.shown()} |")
    for key, own, peer in (
        ("sb3_ppo_ratio", "PPO, this one", "PPO, SB3"),
        ("sb3_sac_ratio", "SAC, this one", "SAC, SB3"),
        ("jax_ratio", "PPO, this one", "PPO, JAX"),
        ("jax_flat_ratio", "PPO flat, 512 portfolios, this one", "PPO flat, 512 portfolios, JAX"),
    ):
        if peer in rates:
            ratio = round(rates[own].median / rates[peer].median, 2)
            print(f"{key} {ratio}")
            record(**{key: ratio})


if __name__ == "__main__":
    main()
