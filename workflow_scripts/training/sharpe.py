"""The Sharpe ratio of a run, and the file that states it. No torch here."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from workflow_scripts.data.periods import PERIODS_PER_YEAR, RISK_FREE, TRADING_DAYS_A_YEAR
from workflow_scripts.workflow.files import damaged, first_line, read_json, whole_file, write_json

if TYPE_CHECKING:  # half of score_trial's start, which reads no returns
    import pandas as pd


Status = Literal["ok", "flat", "failed"]
# Below this share of the largest growth factor of a day a deviation is rounding: constant growth has none.
NO_DISPERSION = 1e-12


def sharpe_ratio(daily_returns: NDArray[np.float64], periods_per_year: int = TRADING_DAYS_A_YEAR) -> float:
    """Return mean / standard deviation (ddof=1) × √periods per year of simple daily returns beyond the risk-free rate.

    Raises:
        ValueError: fewer than two returns, or returns that never vary: no Sharpe ratio is defined.

    """
    if len(daily_returns) > 1:
        deviation = float(np.std(daily_returns, ddof=1))
        if deviation > NO_DISPERSION * (1 + float(np.abs(daily_returns).max())):
            return float(np.mean(daily_returns)) / deviation * math.sqrt(periods_per_year)
    raise ValueError(f"{len(daily_returns)} daily returns that never vary have no Sharpe ratio")


def sharpe_or_none(daily_returns: NDArray[np.float64], periods_per_year: int = TRADING_DAYS_A_YEAR) -> float | None:
    """Return the Sharpe ratio where it is defined."""
    try:
        return sharpe_ratio(daily_returns, periods_per_year)
    except ValueError:
        return None


@dataclass(frozen=True)
class Episode:
    """One deterministic episode of a policy.

    Attributes:
        dates: (days,) the days on which the returns were earned, ISO 8601.
        daily_returns: (days,) simple returns after fees.
        turnover: (days,) traded value as a fraction of the portfolio's.
        periods_per_year: days per year.
        weights: (days, tickers) what was held after the day's trades, as fractions of the portfolio's value after fees;
            the rest is cash. None where nobody noted it.
        traded: (days, tickers) what was bought, sold below zero, as fractions of the portfolio's value the day before.
        start: (tickers,) what was held before the first day's trades, as fractions of the portfolio's value then.
        risk_free: what cash earns a year.

    """

    dates: NDArray[np.str_]
    daily_returns: NDArray[np.float64]
    turnover: NDArray[np.float64]
    periods_per_year: int = TRADING_DAYS_A_YEAR
    weights: NDArray[np.float64] | None = None
    traded: NDArray[np.float64] | None = None
    start: NDArray[np.float64] | None = None
    risk_free: float = 0.0

    @property
    def excess(self) -> NDArray[np.float64]:
        """The daily returns beyond the risk-free rate, of which the Sharpe ratio is (Sharpe 1994)."""
        return self.daily_returns - self.risk_free / self.periods_per_year

    @property
    def sharpe(self) -> float | None:
        """The Sharpe ratio, annualised, where it is defined."""
        return sharpe_or_none(self.excess, self.periods_per_year)

    @property
    def attributes(self) -> dict[str, float]:
        """What a table of the daily returns states: by what they are annualised, and beyond what they count."""
        return {PERIODS_PER_YEAR: self.periods_per_year, **({RISK_FREE: self.risk_free} if self.risk_free else {})}


@dataclass(frozen=True)
class RunResult:
    """What sharpe.json says of a run.

    Attributes:
        status: ok; flat: the policy never traded; failed: the training diverged, or ran out of memory or time.
        reason: why the status is not ok, or why there is no Sharpe ratio.
        days: number of daily returns.
        sharpe: annualised Sharpe ratio over the validation (or test) days; none unless ok, and where the daily returns
            do not vary, which the reason then says.
        training_sharpe: the same over the training window.
        periods_per_year: by which both are annualised; none of a failed run.

    """

    status: Status
    reason: str | None
    days: int
    sharpe: float | None = None
    training_sharpe: float | None = None
    periods_per_year: int | None = None


def judge_episode(episode: Episode, training: Episode | None = None) -> RunResult:
    """Return the result of a run from its validation episode; a policy that never trades is flat, not zero."""
    days = len(episode.daily_returns)
    year = episode.periods_per_year
    if not episode.turnover.any():
        return RunResult("flat", "the policy never traded", days, periods_per_year=year)
    memory = training.sharpe if training is not None and training.turnover.any() else None
    sharpe = episode.sharpe
    reason = f"{days} daily returns that never vary have no Sharpe ratio" if sharpe is None else None
    return RunResult("ok", reason, days, sharpe, memory, year)


def failed_run(reason: str) -> RunResult:
    """Return the result of a run that diverged, or ran out of memory or time."""
    return RunResult("failed", reason, days=0)


def write_result(result: RunResult, path: Path) -> None:
    """Write sharpe.json."""
    write_json(path, asdict(result))


def read_result(path: Path) -> RunResult:
    """Read sharpe.json.

    Raises:
        ValueError: the file is damaged or says something impossible.

    """
    content = read_json(path)
    try:
        result = RunResult(**content)
    except TypeError as error:
        raise ValueError(damaged(path, str(error))) from error
    said = isinstance(result.sharpe, float) if result.reason is None else result.sharpe is None
    if result.status not in ("ok", "flat", "failed") or not said or (result.status != "ok" and result.reason is None):
        raise ValueError(damaged(path, f"status {result.status!r} with sharpe {result.sharpe!r}"))
    return result


def write_returns(episode: Episode | None, path: Path, periods_per_year: int = TRADING_DAYS_A_YEAR) -> None:
    """Write the daily returns of a run: date, daily_return, turnover; the table's attributes state the days per year,
    and the risk-free rate where there is one.

    Args:
        episode: of the run; none of a failed one.
        path: the parquet file to write.
        periods_per_year: days per year of the market of a run without an episode.

    """
    import pandas as pd

    columns = {
        "date": pd.to_datetime(episode.dates if episode else []),
        "daily_return": episode.daily_returns if episode else np.empty(0),
        "turnover": episode.turnover if episode else np.empty(0),
    }
    table = pd.DataFrame(columns)
    table.attrs |= episode.attributes if episode else {PERIODS_PER_YEAR: periods_per_year}
    with whole_file(path) as beside:
        table.to_parquet(beside, index=False)


def read_returns(path: Path) -> "pd.Series":
    """Read the daily returns of a run, indexed by date; its attributes state the days per year.

    Raises:
        ValueError: the file is damaged.

    """
    import pandas as pd

    try:
        return pd.read_parquet(path).set_index("date")["daily_return"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(damaged(path, first_line(error))) from error
