"""What skill is measured by; apart from the arithmetic, so that stating it before a backtest imports none of that."""

from typing import Literal

Estimand = Literal["sharpe", "alpha", "information_ratio"]


def estimand_of(action_mode: str) -> Estimand:
    """Return what skill is measured by: alpha where exposure moves (``weights``, ``long_short``), else Sharpe ratios.

    At beta .5 the Sharpe difference finds in 10 % of cases what alpha finds in 29 %.
    """
    return "alpha" if action_mode in ("weights", "long_short") else "sharpe"
