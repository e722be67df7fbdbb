"""The oracle of a planted market: what one who knows the law would earn after costs."""

from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workflow_scripts.data.fold_files import Segment
from workflow_scripts.training.environment.baselines import run_episode
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.sharpe import Episode, sharpe_ratio

GAINS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0)


def oracle_episode(
    segment: Segment, signal: NDArray[np.float64], environment: EnvironmentSettings
) -> tuple[Episode, dict[str, float]]:
    """Return the best episode among policies that see the signal itself, and its two parameters.

    A policy of gain g and speed s tilts ticker i by g × signal_i, and asks for s times the way from its holding to that
    target. The best pair is chosen on the segment itself, so that no agent can complain of a weak opponent; a policy
    outside the family may still do a little better, so that a ratio above 1 is possible.

    Args:
        segment: the days.
        signal: (days, tickers) the planted signal on the same days.
        environment: costs and rate; the oracle trades in the mode ``tilt``, or ``long_short`` where that is the mode.

    """
    mode = "long_short" if environment.action_mode == "long_short" else "tilt"
    tilt = environment.model_copy(update={"action_mode": mode})
    seen = torch.tensor(signal, dtype=torch.float32)

    def episode(gain: float, speed: float) -> Episode:
        env = make_env(segment, tilt, "shared", num_envs=1)

        def policy(state: Tensor) -> Tensor:
            held = state[:, 2:] * env.tickers - 1
            wanted: Tensor = held + speed * (gain * seen[env.day] - held)
            return wanted

        return run_episode(env, segment, policy)

    episodes = {pair: episode(*pair) for pair in product(GAINS, SPEEDS)}
    trading = [pair for pair, each in episodes.items() if each.turnover.any()]  # small tilts may be less than a lot
    gain, speed = max(trading, key=lambda pair: sharpe_ratio(episodes[pair].excess))
    return episodes[gain, speed], {"gain": gain, "speed": speed}
