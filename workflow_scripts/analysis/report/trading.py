"""What the candidates earned, held and traded on the test days."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow_scripts.analysis.report.elements import (
    Block,
    Figure,
    Note,
    Section,
    Table,
    annual,
    axis,
    band,
    days,
    layout,
    level,
    line,
    name_of,
    numbers,
    shown,
)
from workflow_scripts.analysis.report.tree import DRAWN, Sweep
from workflow_scripts.analysis.windows import ENSEMBLES
from workflow_scripts.sweeps.daily import Daily
from workflow_scripts.sweeps.measures import Array, Record, take_all
from workflow_scripts.training.weights import Weights, contributions, read_weights

TUNED, BENCHMARK = "rank_1", "benchmark"
BASELINES = (BENCHMARK, "equal_weight", "buy_and_hold", "index")
ROLLING = 63  # days, a quarter
MOST_TICKERS = 7  # with a colour of their own
MEASURES = {
    "sharpe": "Sharpe ratio (annual)",
    "total_return": "total return (%)",
    "max_drawdown": "deepest drawdown (%)",
    "cvar": "CVaR 5 % (% a day)",
    "sortino": "Sortino ratio (annual)",
    "calmar": "Calmar ratio (annual)",
    "annual_turnover": "turnover (× value a year)",
    "alpha": "alpha to benchmark (% a year)",
    "beta": "beta to benchmark (slope)",
    "information_ratio": "information ratio (annual)",
}
IN_PERCENT = ("total_return", "max_drawdown", "cvar", "alpha")


def trading_section(sweep: Sweep) -> Section:
    """Return the tear sheet of the test days."""
    returns = {name: sweep.test_returns[name] for name in (*DRAWN, *BASELINES) if name in sweep.test_returns}
    if TUNED not in returns:
        missing = (sweep.verdict or {}).get("not_judged", {}).get(TUNED)
        text = (
            f"The tuned configuration has no test days to show: {missing}." if missing else "No backtest is done yet."
        )
        return Section("Trading on the test days", [Note(text)], "trading")
    tuned = returns[TUNED]
    ensembles = {name: sweep.test_returns[name] for name in ENSEMBLES if name in sweep.test_returns}
    blocks: list[Block] = [_measures(returns | ensembles), growth(returns), _drawdown(returns), *_rolling(returns)]
    blocks += [_distribution(returns), *_months(tuned)]
    kept = [read_weights(run.folder / "weights.parquet") for run in sweep.backtests[TUNED] if _kept(run.folder)]
    if kept and all(len(each.dates) for each in kept):
        blocks += [_weights(kept), _exposure(kept, returns), _contribution(kept, _rows(tuned))]
    if sweep.execution and sweep.execution["costs"]:
        year = tuned.periods_per_year
        blocks += [_costs(sweep.execution, year), _delays(sweep.execution, year)]
    return Section("Trading on the test days", blocks, "trading")


def _kept(folder: Any) -> bool:
    return bool((folder / "weights.parquet").exists())


def _rows(table: Daily, column: str = "daily_return") -> Array:
    """Return a column as (seeds, days)."""
    return np.atleast_2d(table.columns[column])


def _measures(returns: Mapping[str, Daily]) -> Table:
    """Return measures, each the mean over the seeds."""
    benchmark = _rows(returns[BENCHMARK])[0] if BENCHMARK in returns else None
    taken = {}
    for name, table in returns.items():
        against = None if name == BENCHMARK else benchmark
        records = [
            Record(own, against, turnover, table.periods_per_year, table.risk_free)
            for own, turnover in zip(_rows(table), _rows(table, "turnover"), strict=True)
        ]
        taken[name] = [take_all(record)[0] for record in records]
    rows = [
        (title, *(_mean_of([own[measure] for own in of_seeds], measure) for of_seeds in taken.values()))
        for measure, title in MEASURES.items()
    ]
    names = [f"{name_of(name)}, {len(own)} seeds" if len(own) > 1 else name_of(name) for name, own in taken.items()]
    note = (
        "Means over the seeds, after fees, on the test days. The verdict says which differences these days show. "
        f"A year has {returns[TUNED].periods_per_year} periods."
    )
    return Table("Measures", ("measure", *names), rows, note=note)


def _mean_of(values: list[float | None], measure: str) -> float | None:
    """Return a mean, none where a seed has no value."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return float(np.mean(known)) * (100 if measure in IN_PERCENT else 1)


def growth(returns: Mapping[str, Daily]) -> Figure:
    """Return the growth of one unit of money: mean over the seeds, and their range."""
    data: list[dict[str, Any]] = []
    told: list[str] = []
    for name, table in reversed(list(returns.items())):
        paths, x = np.cumprod(1 + _rows(table), axis=1), days(table.days)
        if len(paths) > 1:
            data += band(x, paths.min(axis=0), paths.max(axis=0), name)
        data.append(line(name_of(name), x, paths.mean(axis=0), name))
        told.insert(0, f"{name_of(name)} {shown(float(paths.mean(axis=0)[-1]))}")
    return Figure(
        "Growth",
        "Value of 1 at the end of the test days: " + ", ".join(told) + ".",
        data,
        layout(axis("test day", "date"), axis("value", "of 1 invested"), legend={"traceorder": "reversed"}),
        height=400,
        note="Lines are means over the final seeds; bands reach from the lowest to the highest seed.",
    )


def _drawdown(returns: Mapping[str, Daily]) -> Figure:
    """Return how far each lies below its highest value so far."""
    data, told = [], []
    for name in (each for each in (BENCHMARK, "default", TUNED) if each in returns):
        table = returns[name]
        path = np.cumprod(1 + _rows(table), axis=1).mean(axis=0)
        below = 100 * (path / np.maximum.accumulate(np.maximum(path, 1.0)) - 1)
        more: dict[str, Any] = {"fill": "tozeroy", "fillcolor": f"${name}/18"} if name == TUNED else {}
        data.append(line(name_of(name), days(table.days), below, name, **more))
        told.append(f"{name_of(name)} {shown(float(below.min()))} %")
    return Figure(
        "Drawdown",
        "Deepest fall from a peak: " + ", ".join(told) + ".",
        data,
        layout(axis("test day", "date"), axis("below the peak", "%"), legend={"traceorder": "reversed"}),
        note="Of the mean path over the seeds.",
    )


def _rolling(returns: Mapping[str, Daily]) -> list[Figure]:
    """Return the Sharpe ratio of the last quarter, each day."""
    count = len(returns[TUNED].days)
    if count <= ROLLING:
        return []
    data = []
    for name in (each for each in (BENCHMARK, "default", TUNED) if each in returns):
        table = returns[name]
        windows = np.lib.stride_tricks.sliding_window_view(np.atleast_2d(table.excess()), ROLLING, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = windows.mean(axis=2) / windows.std(axis=2, ddof=1) * np.sqrt(table.periods_per_year)
        x = days(table.days[ROLLING - 1 :])
        data.append(line(name_of(name), x, ratios.mean(axis=0), name))
    data.append({**level(0.0, "zero", x[0], x[-1], "ink/40"), "showlegend": False, "hoverinfo": "skip"})
    return [
        Figure(
            f"Rolling Sharpe ratio, {ROLLING} days",
            f"Sharpe ratio over the last {ROLLING} days of tuned, default and benchmark on {count} test days.",
            data,
            layout(
                axis("last day of the window", "date"),
                axis("Sharpe ratio", annual(returns[TUNED].periods_per_year)),
                legend={"traceorder": "reversed"},
            ),
            note="Its standard error is about 2: only long stretches mean something.",
        )
    ]


def _distribution(returns: Mapping[str, Daily]) -> Figure:
    """Return how daily returns are distributed."""
    shown_names = [each for each in (TUNED, BENCHMARK) if each in returns]
    every = np.concatenate([100 * _rows(returns[name]).ravel() for name in shown_names])
    first, last = np.quantile(every, [0.002, 0.998])
    edges = np.linspace(first, last, 41)
    middles, data = (edges[1:] + edges[:-1]) / 2, []
    for name in shown_names:
        rows = 100 * _rows(returns[name])
        counts = np.histogram(np.clip(rows, edges[0], edges[-1]), edges)[0] / rows.size * 100
        data.append(line(name_of(name), numbers(middles), counts, name, line={"shape": "hvh"}))
    low, high = (float(np.quantile(100 * _rows(returns[TUNED]), at)) for at in (0.05, 0.95))
    return Figure(
        "Distribution of daily returns",
        f"Nine in ten days of the tuned policy lie between {shown(low)} % and {shown(high)} %.",
        data,
        layout(axis("daily return", "%"), axis("days", "%", rangemode="tozero")),
        note="The outermost steps hold all that lies beyond.",
    )


def _months(table: Daily) -> list[Block]:
    """Return the tuned policy's returns by month, mean over the seeds."""
    months, rows = table.days.astype("datetime64[M]"), _rows(table)
    names = np.unique(months)
    means = {month: float((np.prod(1 + rows[:, months == month], axis=1) - 1).mean()) * 100 for month in names}
    years = sorted({str(month)[:4] for month in names})
    columns = ("year", *(f"{number:02d}" for number in range(1, 13)), "year (%)")
    cells = []
    for year in years:
        own = [means.get(np.datetime64(f"{year}-{number:02d}")) for number in range(1, 13)]
        of_year = rows[:, table.days.astype("datetime64[Y]") == np.datetime64(year)]
        whole = float((np.prod(1 + of_year, axis=1) - 1).mean())
        cells.append((year, *(None if value is None else f"{value:+.1f}" for value in own), f"{100 * whole:+.1f}"))
    return [Table("Returns of the tuned policy by month (%)", columns, cells, note="Mean over the seeds, after fees.")]


def _mean(kept: list[Weights], what: str) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.mean([getattr(each, what) for each in kept], axis=0)
    return mean


def _weights(kept: list[Weights]) -> Figure:
    """Return what the tuned policy held, as areas."""
    first, weight = kept[0], 100 * _mean(kept, "weight")
    order = np.argsort(-weight.mean(axis=0))
    x, data = days(first.dates), []
    parts = {first.tickers[place]: weight[:, place] for place in order[:MOST_TICKERS]}
    if len(order) > MOST_TICKERS:
        rest = order[MOST_TICKERS:]
        parts[f"{len(rest)} others"] = weight[:, rest].sum(axis=1)
    parts["cash"] = 100 - weight.sum(axis=1)
    colours = [*(f"series_{number}" for number in range(len(parts) - 1)), "ink/15"]
    if len(order) > MOST_TICKERS:
        colours[-2] = "untrained"
    stacked = bool((weight >= 0).all() and (parts["cash"] >= -0.1).all())  # debts cannot be stacked
    for (name, values), colour in zip(parts.items(), colours, strict=True):
        edge = {"width": 0.5 if stacked else 1.5, "dash": "solid"}
        fill = {"stackgroup": "one", "fillcolor": f"${colour}", "hoveron": "points"} if stacked else {}
        data.append(line(name, x, values, colour, **fill) | {"line": {"color": f"${colour}", **edge}})
    largest = ", ".join(f"{first.tickers[place]} {weight[:, place].mean():.1f} %" for place in order[:3])
    return Figure(
        "What the tuned policy held",
        f"Mean weights over the test days: {largest}, cash {parts['cash'].mean():.1f} %.",
        data,
        layout(
            axis("test day", "date"),
            axis("weight", "% of value", **({"range": [0, 100]} if stacked else {})),
            legend={"traceorder": "normal"},
        ),
        height=400,
        note="Mean over the final seeds, after each day's trades.",
    )


def _exposure(kept: list[Weights], returns: Mapping[str, Daily]) -> Figure:
    """Return how much was invested, and how much was traded."""
    x, invested = days(kept[0].dates), 100 * np.stack([each.weight.sum(axis=1) for each in kept])
    traded = 100 * np.stack([np.abs(each.traded).sum(axis=1) for each in kept])
    data = [*band(x, invested.min(axis=0), invested.max(axis=0), TUNED)]
    data.append(line("invested", x, invested.mean(axis=0), TUNED))
    data.append(line("traded", x, traded.mean(axis=0), "default", line={"dash": "solid", "width": 1.2}, yaxis="y2"))
    drawn = layout(axis("test day", "date"), axis("invested", "% of value", domain=[0.55, 1], rangemode="tozero"))
    drawn["yaxis2"] = axis("traded", "% of value a day", domain=[0, 0.42], rangemode="tozero")
    drawn |= {"legend": {"traceorder": "normal"}}
    means = float(invested.mean()), float(traded[:, 1:].mean())
    drawn["xaxis"]["anchor"] = "y2"
    return Figure(
        "Exposure and turnover",
        f"On average {shown(means[0])} % invested, and {shown(means[1])} % traded a day.",
        data,
        drawn,
        height=400,
        note="Of the tuned policy, mean over the seeds.",
    )


def _contribution(kept: list[Weights], daily_returns: Array) -> Figure:
    """Return what each ticker earned before fees."""
    gains = [contributions(*pair).sum(axis=0) for pair in zip(kept, daily_returns, strict=True)]
    together = 100 * np.mean(gains, axis=0)
    order, tickers = np.argsort(-together), kept[0].tickers
    names = [tickers[place] for place in order]
    data = [
        {
            "type": "bar",
            "x": names,
            "y": numbers(together[order]),
            "marker": {"color": ["$rank_1" if together[place] >= 0 else "$equal_weight" for place in order]},
            "hovertemplate": "%{x}: %{y} %<extra></extra>",
        }
    ]
    return Figure(
        "What each ticker brought",
        f"Sum of daily contributions: most by {names[0]} ({shown(float(together.max()))} %), least by {names[-1]} "
        f"({shown(float(together.min()))} %).",
        data,
        layout(axis("ticker", "name", type="category"), axis("contribution", "% of value, before fees")),
        note="Sum over the test days, mean over the seeds.",
    )


def _costs(execution: Mapping[str, Any], year: int) -> Figure:
    """Return what the tuned policies and the benchmark would have earned under other fees."""
    costs = execution["costs"]
    fees, data = [row["basis_points"] for row in costs], []
    for name, key in ((BENCHMARK, "benchmark"), (TUNED, "tuned")):
        earned = [100 * row[key]["annual_return"] for row in costs]
        data.append(line(name_of(name), fees, earned, name, mode="lines+markers"))
    even = execution["break_even"]
    told = f"earns as much as the benchmark at {even:.1f} bp" if even is not None else f"earns {execution['reason']}"
    return Figure(
        "What fees would cost",
        f"The tuned policy {told}; it was judged at {shown(execution['judged']['basis_points'])} bp.",
        data,
        layout(
            axis("fee", "basis points of the traded value"),
            axis("mean return", annual(year, "% a year")),
            legend={"traceorder": "reversed"},
        ),
        note="The saved policies trade the test days anew; mean over the final seeds. The fee at which both earn the "
        "same is the break-even cost. A least fee and a tax on sales stay as they are.",
    )


def _delays(execution: Mapping[str, Any], year: int) -> Table:
    """Return what the tuned policies would have earned, had their orders filled sooner or later."""
    names = {0: "at the close on which they decide", 1: "at the next close, as judged", 2: "two closes later"}
    rows = [
        (names[row["days"]], 100 * row["tuned"]["annual_return"], row["tuned"]["sharpe"]) for row in execution["delays"]
    ]
    return Table(
        "What delay would cost",
        ("orders fill", "mean return (% a year)", "Sharpe ratio (annual)"),
        rows,
        note="The saved policies, on the test days; mean over the final seeds. A gain that vanishes with a day of "
        f"delay may not be there in practice. A year has {year} periods.",
    )
