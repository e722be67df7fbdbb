"""Steps per CPU second of the environment, against those of the installed elegantrl, side by side in one thread.

The last line of the output is one JSON object. Run it with ``python benchmarks/env_throughput.py``.
"""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from elegantrl.envs.StockTradingEnv import StockTradingVecEnv
from elegantrl.envs.StockTradingVmapEnv import StockTradingVmapEnv

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from workflow_scripts.training.trading_env import EnvironmentSettings, TradingEnv

TICKERS, DAYS, ENVS, REPETITIONS = 28, 602, 512, 5
FAULTS = """\
What the comparison meets in elegantrl 0.3.6:
- StockTradingVecEnv.step overwrites the action with ones (`action = torch.ones_like(action)`): every policy buys.
- StockTradingVmapEnv handles ticker i of each portfolio that sells any ticker: where that one buys i, it buys twice.
  It ends an episode one day after its last price, with an IndexError, so that it is reset here before.
- Neither counts the fee when it asks what cash can buy: cash ends below zero.
- Both write the whole observation of every portfolio; this environment writes cash and holdings, and its policy looks
  the market up by day. With the lookup the comparison is of equal work: see "with observations"."""


def main() -> None:
    """Measure, print a table, and end with one line of JSON."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, (DAYS, TICKERS)), axis=0))
    indicators = rng.normal(50, 10, (DAYS, 8 * TICKERS))
    actions = [torch.as_tensor(rng.uniform(-1, 1, (ENVS, TICKERS)), dtype=torch.float32) for _ in range(16)]
    table = torch.as_tensor(np.concatenate([close, indicators], axis=1), dtype=torch.float32)

    candidates = {
        "this environment": (_ours(close, actions, None), DAYS - 1),
        "this environment, with observations": (_ours(close, actions, table), DAYS - 1),
        "elegantrl StockTradingVmapEnv": (_theirs(StockTradingVmapEnv, close, indicators, actions), 30),
        "elegantrl StockTradingVecEnv": (_theirs(StockTradingVecEnv, close, indicators, actions), 30),
    }
    rates: dict[str, list[float]] = {name: [] for name in candidates}
    for repetition in range(REPETITIONS + 1):
        for name, (run, steps) in candidates.items():
            began = time.process_time()
            run(steps)
            if repetition:  # the first one compiles
                rates[name].append(steps * ENVS / (time.process_time() - began))
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"
    )
    print(f"{ENVS} portfolios, {TICKERS} tickers, {DAYS} days, one thread, {REPETITIONS} repetitions in turn\n")
    print(f"{'':38}{'env-steps per CPU second':>26}{'smallest':>12}{'largest':>12}")
    for name, values in rates.items():
        print(f"{name:38}{statistics.median(values):>26,.0f}{min(values):>12,.0f}{max(values):>12,.0f}")
    print(f"\n{FAULTS}")
    ours, observed, vmap, vec = (statistics.median(values) for values in rates.values())
    print(
        json.dumps(
            {
                "env_ratio": round(ours / max(vmap, vec), 1),
                "env_ratio_with_observations": round(observed / max(vmap, vec), 1),
                "env_steps_per_cpu_second": round(ours),
            }
        )
    )


def _ours(close: np.ndarray, actions: list[torch.Tensor], table: torch.Tensor | None) -> Callable[[int], None]:
    env = TradingEnv(close, ENVS, EnvironmentSettings("shares"), observe="shares", random_start=True)

    def run(steps: int) -> None:
        state = env.reset()
        for step in range(steps):
            state, _, _ = env.step(actions[step % len(actions)])
            if table is not None:
                torch.cat([state[:, 1:], table[env.day].expand(ENVS, -1)], dim=1)

    return run


def _theirs(
    kind: type, close: np.ndarray, indicators: np.ndarray, actions: list[torch.Tensor]
) -> Callable[[int], None]:
    class Loaded(kind):  # type: ignore[misc, valid-type]
        def load_data_from_disk(self) -> tuple[np.ndarray, np.ndarray]:
            return close, indicators

    env = Loaded(num_envs=ENVS, end_idx=len(close), gpu_id=-1)

    def run(steps: int) -> None:
        env.reset()
        for step in range(steps):
            env.step(actions[step % len(actions)])

    return run


if __name__ == "__main__":
    main()
