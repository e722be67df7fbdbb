"""What a run held and traded on each day, and the daily returns that follow from it. No torch here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workflow_scripts.data.fold_files import Segment
from workflow_scripts.data.periods import TRADING_DAYS_A_YEAR
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.sharpe import Episode
from workflow_scripts.workflow.files import damaged, first_line, whole_file

# Weights are kept as multiples of 2^-40 of the portfolio's value. Returns come back to 1e-12 from them, and a file is
# half as large as with all the bits of a float64, most of which are noise. A float32 would leave returns 1e-10 off.
STEP = 2.0**-40
COLUMNS = ("weight", "traded")
START = b"start"


@dataclass(frozen=True)
class Weights:
    """What a run held and traded.

    Attributes:
        dates: (days,) the days; time stamps, to the second, where a period is shorter than a day.
        tickers: (tickers,) their names.
        weight: (days, tickers) what was held after the day's trades, as fractions of the portfolio's value after fees;
            the rest is cash.
        traded: (days, tickers) what was bought, sold below zero, as fractions of the portfolio's value the day before.
        start: (tickers,) what was held before the first day's trades, as fractions of the portfolio's value then.

    """

    dates: NDArray[np.datetime64]
    tickers: tuple[str, ...]
    weight: NDArray[np.float64]
    traded: NDArray[np.float64]
    start: NDArray[np.float64]

    @property
    def held(self) -> NDArray[np.float64]:
        """What was held before each day's trades, in units of the value of the day before at its prices."""
        return np.concatenate([self.start[None], self.weight[:-1]]) if len(self.weight) else self.weight


def write_weights(episode: Episode | None, tickers: Sequence[str], path: Path) -> None:
    """Write what a run held: a row per day and ticker with date, ticker, weight and traded; no row of a failed run.

    The table's metadata have what it started with.
    """
    import pyarrow as pa
    from pyarrow import parquet

    dates = np.asarray(episode.dates if episode else [], dtype="datetime64[ms]")
    numbers = [episode.weights, episode.traded] if episode else [np.empty(0), np.empty(0)]
    table = pa.table(
        {
            "date": np.repeat(dates, len(tickers)),
            "ticker": pa.DictionaryArray.from_arrays(
                np.tile(np.arange(len(tickers), dtype=np.int32), len(dates)), pa.array(tickers, pa.string())
            ),
            **{
                name: np.round(np.ravel(values) / STEP) * STEP
                for name, values in zip(COLUMNS, numbers, strict=True)
                if values is not None
            },
        }
    )
    start = np.zeros(len(tickers)) if episode is None or episode.start is None else episode.start
    with whole_file(path) as beside:
        parquet.write_table(
            table.replace_schema_metadata({START: json.dumps((np.round(start / STEP) * STEP).tolist())}),
            beside,
            compression="zstd",
            use_dictionary=["date", "ticker"],
            use_byte_stream_split=list(COLUMNS),
        )


def read_weights(path: Path) -> Weights:
    """Read what a run held; a failed run has no days.

    Raises:
        ValueError: the file is damaged.

    """
    from pyarrow.parquet import ParquetFile

    try:
        table = ParquetFile(path).read(use_threads=False)
        tickers = list(dict.fromkeys(table["ticker"].to_pylist()))
        moments = np.asarray(table["date"].cast("int64"), dtype="datetime64[ms]").astype("datetime64[s]")
        days = moments.astype("datetime64[D]")
        dates = days if (days == moments).all() else moments
        shape = (-1, max(1, len(tickers)))
        weight, traded = (np.asarray(table[name], dtype=np.float64).reshape(shape) for name in COLUMNS)
        start = np.array(json.loads(table.schema.metadata[START]))
        return Weights(dates[:: shape[1]], tuple(tickers), weight, traded, start)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(damaged(path, first_line(error))) from error


def returns_of(
    weights: Weights,
    close: NDArray[np.float64],
    environment: EnvironmentSettings,
    periods_per_year: int = TRADING_DAYS_A_YEAR,
) -> NDArray[np.float64]:
    """Return the daily returns (days,) after fees that follow from weights and trades.

    In units of the value the day before, what was held has grown to cash + Σ weight × price ratio, cash has earned its
    interest, what was borrowed has cost its fee, and the day's orders cost theirs. An account that loses all is closed.

    Args:
        weights: of a run.
        close: (days + 1, tickers) closing prices, from the day before the first return on.
        environment: fees and rates, and the value at the start, on which a minimum fee depends.
        periods_per_year: by which a year's rates become a day's.

    """
    growth = close[1:] / close[:-1]
    credit, debit, loan = environment.interest(periods_per_year)
    cash, lent = 1 - weights.held.sum(axis=1), np.maximum(-weights.held * growth, 0).sum(axis=1)
    before_fees = 1 + (weights.held * (growth - 1)).sum(axis=1)
    before_fees += cash * np.where(cash >= 0, credit, debit) - loan * lent
    sold = -np.minimum(weights.traded, 0)
    rates = environment.cost_pct * np.abs(weights.traded)
    returns, value = np.empty(len(growth)), environment.initial_cash
    for day, grown in enumerate(before_fees):
        if value <= 0:
            returns[day] = 0.0
            continue
        least = np.where(weights.traded[day] != 0, environment.min_fee / value, 0.0)
        fees = np.maximum(rates[day], least).sum() + environment.sell_tax_pct * sold[day].sum()
        returns[day] = max(grown - fees - 1, -1.0)
        value *= 1 + returns[day]
    return returns


def require_next_close(episode: Episode, segment: Segment, environment: EnvironmentSettings) -> None:
    """Check that an episode earned what follows from orders that filled at the close after they were decided on.

    Several runs of contiguous days start alike, unless in whole lots: then the first run alone says what it held.

    Raises:
        ValueError: a day's return is another; says which one, and by how much.

    """
    first = 0
    for run in segment.runs():
        days = slice(first, first := first + len(run.dates) - 1)
        if days.start and environment.in_lots and environment.start != "cash":
            continue
        dates = np.asarray(episode.dates[days], dtype="datetime64[s]")
        tickers = tuple(map(str, range(run.close.shape[1])))
        assert episode.weights is not None and episode.traded is not None and episode.start is not None
        held = Weights(dates, tickers, episode.weights[days], episode.traded[days], episode.start)
        off = episode.daily_returns[days] - returns_of(held, run.close, environment, segment.periods_per_year)
        if not (np.abs(off) < 1e-9).all():  # a return that is no number is none that follows
            worst = int(np.nanargmax(np.abs(off)))
            raise ValueError(
                f"look-ahead: on {episode.dates[days][worst]} an episode earned {off[worst]:+.2g} beyond what orders "
                "bring that fill at the close after they were decided on: nothing is judged before that is mended"
            )


def contributions(weights: Weights, daily_returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what each ticker earned each day before fees (days, tickers), as fractions of the value the day before.

    That is what is held in it at the end of the day, less what was bought, less what was held before.

    Args:
        weights: of a run.
        daily_returns: (days,) of the run, after fees.

    """
    earned: NDArray[np.float64] = weights.weight * (1 + daily_returns[:, None]) - weights.traded - weights.held
    return earned
