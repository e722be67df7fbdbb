"""A market of known truth on the days of another market."""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from workflow_scripts.data.bars import HELD, INDEX, MEMBER, PRICES, SIGNAL, arrange_bars, read_bars
from workflow_scripts.data.resampling import Array, own_deviation, resampled_days, without_alpha
from workflow_scripts.data.settings import Day
from workflow_scripts.data.sources.base import Source
from workflow_scripts.data.synthetic import draw_signal, synthetic_bars

KEYS = ("date", "ticker", HELD, MEMBER)
WORST_DAY = -0.9  # so that a planted loss leaves a price


class Control(Source):
    """A market of known truth on the days of another one: nothing predicts its returns but what is planted."""

    path: Path = Field(description="bars.parquet of the other market, as foldsweep has written it")
    before: Day = Field(description="first day of the other market whose prices are not read; its date is")
    law: Literal["gaussian", "own"] = Field(
        default="own",
        description="`gaussian`: independent normal returns; `own`: the other market's days in another order, each "
        "with the returns of all its tickers, less what a ticker earns beyond its beta to equal weight",
    )
    block_days: float = Field(
        default=1,
        ge=1,
        le=10_000,
        description="`own`: mean length of the stretches of days that stay together; 1 draws each day by itself, which "
        "leaves no cluster of volatility; longer ones keep these, and whatever predicts returns within a stretch",
    )
    signal_strength: float = Field(
        default=0,
        ge=0,
        le=1,
        description="next day's expected return per unit of the signal, as a share of the standard deviation of a "
        "ticker's return beside equal weight; 0 plants nothing",
    )
    half_life_days: float = Field(
        default=10, gt=0, le=10**6, description="days in which the signal's autocorrelation halves"
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="seed of the market")

    @property
    def planted(self) -> bool:
        """Whether the bars hold a known signal."""
        return self.signal_strength > 0

    @property
    def origin(self) -> str:
        """Where the bars come from, for messages."""
        return str(self.path)

    def files(self) -> list[Path]:
        """Return the files behind the bars."""
        return [*super().files(), self.path]

    def read(self, parts: Path | None) -> tuple[pd.DataFrame, str]:
        """Return the control's bars, and their law.

        Raises:
            ValueError: the other market has too few tickers with a price on each day, or days, or bars within a day.

        """
        bars = read_bars(self.path)
        wide = {
            str(name): bars.pivot(index="date", columns="ticker", values=name)
            for name in bars
            if name not in KEYS and not str(name).startswith(INDEX)
        }
        whole = wide["close"].columns[wide["close"].notna().all()]
        wide = {name: table[whole] for name, table in wide.items()}
        dates = pd.DatetimeIndex(wide["close"].index)
        known = int((dates < pd.Timestamp(self.before)).sum())  # the prices of later days are not read
        if len(whole) < 2 or known < 3 or len(dates.normalize().unique()) < len(dates):
            raise ValueError(
                f"a control needs daily bars, three days before {self.before} and two tickers with a price on each "
                f"day: {self.path} has {known} days and {len(whole)} such tickers, {len(dates)} bars on "
                f"{len(dates.normalize().unique())} days"
            )
        close = wide["close"].to_numpy()[:known]
        returns = close[1:] / close[:-1] - 1
        if self.law == "gaussian":
            sd = float(np.median(own_deviation(returns)))
            table = synthetic_bars(
                len(whole), len(dates), self.signal_strength * sd, self.half_life_days, sd, self.seed
            ).assign(date=dates.repeat(len(whole)))
            law = f"independent normal returns of standard deviation {sd:.2g}"
        else:
            table = self._reordered(wide, dates, returns)
            law = f"the days of {self.path} before {self.before} in another order, in blocks of {self.block_days:g}"
        said = f"{self.signal_strength:g} of a standard deviation" if self.planted else "nothing"
        return table, f"control: {law}; a unit of the column {SIGNAL!r} moves the next day's expected return by {said}"

    def _reordered(self, wide: dict[str, pd.DataFrame], dates: pd.DatetimeIndex, returns: Array) -> pd.DataFrame:
        """Return bars whose days are drawn from those that have a return, with the planted part added.

        What a day has beside its close goes with it: prices in proportion to the close, other columns as they are.
        """
        rng = np.random.default_rng(self.seed)
        # A feature of the user's may have a warm-up of its own.
        whole = np.all(
            [np.isfinite(table.to_numpy()[1 : len(returns) + 1]).all(axis=1) for table in wide.values()], axis=0
        )
        days, returns = 1 + np.flatnonzero(whole), returns[whole]
        drawn = resampled_days(len(days), len(dates), self.block_days, rng)
        signal = draw_signal(len(dates), returns.shape[1], self.half_life_days, rng)
        moves = without_alpha(returns)[drawn]
        moves[0] = 0
        moves[1:] += self.signal_strength * own_deviation(returns) * signal[:-1]
        first = wide["close"].to_numpy()[0]
        close = first * np.cumprod(1 + np.maximum(moves, WORST_DAY), axis=0)
        columns = {}
        for name, table in wide.items():
            of_days = table.to_numpy()[days[drawn]]
            columns[name] = close * (of_days / wide["close"].to_numpy()[days[drawn]]) if name in PRICES else of_days
        columns |= {"close": close, SIGNAL: signal}
        tickers = wide["close"].columns
        long = {name: values.ravel() for name, values in columns.items()}
        keys = {"date": dates.repeat(len(tickers)), "ticker": np.tile(tickers.to_numpy(), len(dates))}
        return arrange_bars(pd.DataFrame({**keys, **long}), self.origin)
