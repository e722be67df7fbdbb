"""The sweep itself: how the score grew, where good configurations lie, which hyperparameters matter, what it cost."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow_scripts.analysis.ablation import FEWEST, ablation_path, scored_trials
from workflow_scripts.analysis.baselines import baseline_scores
from workflow_scripts.analysis.figures import METHOD_NAMES
from workflow_scripts.analysis.importance import tuned
from workflow_scripts.analysis.leaderboard import anytime, vector_steps
from workflow_scripts.analysis.report.elements import (
    Block,
    Figure,
    Group,
    Note,
    Section,
    Table,
    annual,
    axis,
    choices,
    layout,
    level,
    line,
    name_of,
    numbers,
    points,
    rounded,
    shown,
)
from workflow_scripts.analysis.report.surface import Surface, coded
from workflow_scripts.analysis.report.tree import Market, Run, Sweep
from workflow_scripts.sweeps import objectives
from workflow_scripts.sweeps.history import Score, at_full_budget

METHOD_COLOURS = {"fanova": "rank_1", "ped_anova": "default", "local": "rank_3"}
REFERENCES = ("benchmark", "equal_weight")


def search_section(sweep: Sweep, market: Market) -> Section:
    """Return the section of a sweep's trials."""
    if not sweep.scores:
        return Section("Sweep", [Note("No trial has been scored yet.")], "sweep")
    objective, unit = objectives.label(sweep.scores[0].objective), _unit(sweep.scores[0])
    scored = scored_trials(sweep)
    blocks: list[Block] = [_progress(sweep, market, objective, unit)]
    varying = tuned(sweep.space)
    if scored and varying:
        blocks.append(_parallel(scored, varying, objective))
    if len(scored) >= FEWEST and varying:
        surface = Surface.of(scored, varying)
        blocks.append(_slices(scored, varying, surface, objective, unit))
        blocks += _contour(sweep, scored, varying, surface, objective, unit)
    blocks += [
        *_importance(sweep),
        *_ablation(sweep, objective, unit),
        _heat(sweep, objective, unit),
        *_difference(sweep),
        *_cost(sweep),
    ]
    return Section("Sweep", blocks, "sweep")


def _unit(score: Score) -> str:
    """Return what a trial's score counts by: the market's year, where the objective is known to count by one."""
    return annual(score.periods_per_year) if objectives.is_annual(score.objective) else "value"


def label_of(score: Score) -> str:
    """Return a trial's name: its round and its place in it."""
    return f"round {score.round}, trial {score.trial}"


def _progress(sweep: Sweep, market: Market, objective: str, unit: str) -> Figure:
    """Return each trial's score and the best so far, over the vector steps spent."""
    curve, spent = anytime(sweep.scores), np.cumsum(vector_steps(sweep.scores)).tolist()
    full = set(map(id, at_full_budget(sweep.scores)))
    data = []
    for name, kind, colour, symbol in (
        ("trial at full budget", True, "rank_1", "circle"),
        ("trial at a lower budget", False, "untrained", "circle-open"),
    ):
        own = [
            (steps, score)
            for steps, score in zip(spent, sweep.scores, strict=True)
            if (id(score) in full) == kind and score.score is not None
        ]
        if own:
            texts = [f"{label_of(score)}: {shown(score.score)}" for _, score in own]
            x, y = [steps for steps, _ in own], [score.score for _, score in own]
            more = {"text": texts, "hovertemplate": "%{text}<extra></extra>", "marker": {"symbol": symbol}}
            data.append(points(name, x, y, colour, **more))
    data.append(line("best so far", curve.steps.tolist(), curve.best, "rank_2", line={"shape": "hv"}))
    worth = {}
    if market.baselines:
        found = objectives.find(sweep.scores[0].objective)
        worth = {name: value for name, value in baseline_scores(market.baselines, found).items() if name in REFERENCES}
    for name, value in worth.items():
        data.append(level(value, name_of(name), spent[0], spent[-1], name))
    best = sweep.incumbent
    return Figure(
        "Score over cost",
        f"{len(sweep.scores)} trials; the best score at full budget is {shown(best.score if best else None)}"
        + "".join(f"; {name_of(name)} {shown(value)}" for name, value in worth.items())
        + ".",
        data,
        layout(axis("cost so far", "vector steps"), axis(objective, unit)),
        note="A point is a trial: the mean over its validation days of all folds and seeds.",
    )


def _colour_bar(title: str, unit: str) -> dict[str, Any]:
    """Return the scale of colours, whose narrow title has a line for each part of its unit."""
    return {"title": {"text": f"{title}<br>({unit.replace(', ', ',<br>')})", "side": "top"}, "thickness": 12}


def _position(value: Any, entry: Mapping[str, Any]) -> float:
    """Return where a value lies in its range, from 0 to 1."""
    if entry["type"] == "categorical":
        return coded(value, entry) / max(1, len(entry["choices"]) - 1)
    low, high, at = (coded(number, entry) for number in (entry["lower"], entry["upper"], value))
    return (at - low) / (high - low) if high > low else 0.5


def _bounds(name: str, entry: Mapping[str, Any]) -> str:
    if entry["type"] == "categorical":
        return f"{name}<br>{', '.join(map(str, entry['choices']))}"
    return f"{name}<br>{shown(entry['lower'])} to {shown(entry['upper'])}{', log' if entry['log'] else ''}"


def _parallel(scored: Sequence[Score], varying: Mapping[str, Mapping[str, Any]], objective: str) -> Figure:
    """Return a line per trial through its hyperparameters' positions; the best third stands out."""
    rows = [_bounds(name, entry) for name, entry in varying.items()]
    ranked = sorted(scored, key=lambda score: score.score or 0.0)
    data: list[dict[str, Any]] = []
    groups = (("others", "untrained/45", 1.0), ("best third", "rank_2", 1.6), ("best", "rank_1", 3.0))
    for name, colour, width in groups:
        third = max(1, len(ranked) // 3)
        own = {"others": ranked[:-third], "best third": ranked[-third:-1], "best": ranked[-1:]}[name]
        x: list[float | None] = []
        y: list[str | None] = []
        texts: list[str] = []
        for score in own:
            x += [*(rounded(_position(score.configuration[key], entry)) for key, entry in varying.items()), None]
            y += [*rows, None]
            head = f"{label_of(score)}, score {shown(score.score)}"
            texts += [*(f"{head}<br>{key} = {shown(score.configuration[key])}" for key in varying), ""]
        if own:
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "name": f"{name} ({len(own)})",
                    "x": x,
                    "y": y,
                    "text": texts,
                    "hovertemplate": "%{text}<extra></extra>",
                    "line": {"color": f"${colour}", "width": width},
                    "marker": {"color": f"${colour}", "size": 4 + width},
                }
            )
    values = axis("hyperparameter", "its range", type="category", autorange="reversed")
    return Figure(
        "Configurations side by side",
        f"{len(scored)} trials as lines through {len(varying)} hyperparameters. The best one: "
        + ", ".join(f"{name} {shown(ranked[-1].configuration[name])}" for name in varying)
        + ".",
        data,
        layout(axis("position", "0 lower bound, 1 upper bound", range=[-0.03, 1.03]), values, hovermode="closest"),
        height=max(300, 110 + 46 * len(varying)),
        note=f"A line is a trial at full budget; by {objective}.",
    )


def _slices(
    scored: Sequence[Score], varying: Mapping[str, Mapping[str, Any]], surface: Surface, objective: str, unit: str
) -> Group:
    """Return the scores over each hyperparameter, with a forest's partial dependence."""
    figures, scores = [], [score.score or 0.0 for score in scored]
    room = 0.06 * (max(scores) - min(scores)) or 1.0
    up = axis(objective, unit, range=[rounded(min(scores) - room), rounded(max(scores) + room)], nticks=5)
    texts = [f"{label_of(score)}: {shown(score.score)}" for score in scored]
    for name, entry in varying.items():
        chosen = entry["type"] == "categorical"
        values = [str(score.configuration[name]) if chosen else score.configuration[name] for score in scored]
        hover = {"text": texts, "hovertemplate": f"{name} %{{x}}<br>%{{text}}<extra></extra>"}
        where, means = surface.partial(name)
        more = {"mode": "lines+markers" if chosen else "lines", "hoverinfo": "skip"}
        data = [
            points("trial", values, scores, "rank_1", **hover),
            line("partial dependence", where, means, "default", **more, line={"dash": "solid"}),
        ]
        unit = "choice" if chosen else "log scale" if entry["log"] else "value"
        across = axis(name, unit, **(choices(entry["choices"]) if chosen else scale(entry)))
        low, high = shown(float(means.min())), shown(float(means.max()))
        alt = f"Scores of {len(scored)} trials over {name}; where it alone moves, a forest predicts {low} to {high}."
        drawn = layout(across, up, hovermode="closest", showlegend=False)
        figures.append(Figure(name, alt, data, drawn, height=250))
    return Group(
        "Score over each hyperparameter",
        figures,
        "A point is a trial. The line is a random forest's mean prediction where this hyperparameter alone moves "
        "(partial dependence); with few trials it follows noise.",
    )


def scale(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an axis over a hyperparameter's range has; of two decades or more its powers of ten are marked."""
    ends = float(entry["lower"]), float(entry["upper"])
    if not entry["log"]:
        return {"type": "linear", "range": list(ends)}
    logarithms = [rounded(math.log10(end)) for end in ends]
    marked = {"dtick": 1} if logarithms[1] - logarithms[0] >= 2 else {}
    return {"type": "log", "range": logarithms, **marked}


def most_important(sweep: Sweep, varying: Mapping[str, Any]) -> list[str]:
    """Return the hyperparameters from the most to the least important, by the mean of the methods."""
    methods = (sweep.importance or {}).get("methods", {})
    worth = {
        name: float(np.mean([_importance_of(shares[name]) for shares in methods.values()])) if methods else 0.0
        for name in varying
    }
    return sorted(worth, key=lambda name: -worth[name])


def _importance_of(said: Mapping[str, float]) -> float:
    return said["importance"]


def _contour(
    sweep: Sweep,
    scored: Sequence[Score],
    varying: Mapping[str, Mapping[str, Any]],
    surface: Surface,
    objective: str,
    unit: str,
) -> list[Figure]:
    """Return the forest's prediction over the two hyperparameters that matter most, if both are numbers."""
    names = [name for name in most_important(sweep, varying) if varying[name]["type"] != "categorical"][:2]
    if len(names) < 2:
        return []
    (x, y), (across, up, means) = names, surface.partial_of_two(*names)
    data: list[dict[str, Any]] = [
        {
            "type": "contour",
            "x": numbers(across),
            "y": numbers(up),
            "z": [numbers(row) for row in means],
            "colorscale": "Viridis",
            "contours": {"coloring": "heatmap"},
            "ncontours": 12,
            "line": {"width": 0.5},
            "colorbar": _colour_bar(objective, unit),
            "hovertemplate": f"{x} %{{x}}<br>{y} %{{y}}<br>predicted %{{z}}<extra></extra>",
        }
    ]
    texts = [f"{label_of(score)}: {shown(score.score)}" for score in scored]
    where = [[score.configuration[name] for score in scored] for name in names]
    marker = {"color": "#ffffff", "size": 8, "line": {"color": "#000000", "width": 1.5}}
    more = {"text": texts, "hovertemplate": "%{text}<extra></extra>", "showlegend": False, "marker": marker}
    data.append(points("trial", where[0], where[1], "ink", **more))
    axes = [axis(name, "log scale" if varying[name]["log"] else "value", **scale(varying[name])) for name in names]
    return [
        Figure(
            f"Predicted score over {x} and {y}",
            "A forest's prediction of the score over the two of largest importance, with the trials as points. It lies "
            f"between {shown(float(np.min(means)))} and {shown(float(np.max(means)))}.",
            data,
            layout(*axes, hovermode="closest"),
            height=400,
        )
    ]


def _importance(sweep: Sweep) -> list[Block]:
    """Return the importance of each hyperparameter by each method, with its error and what shuffled scores show."""
    content = sweep.importance
    if content is None:
        return []
    methods = content["methods"]
    if not methods:
        return [Note(f"Importance: {content['reason']}.")]
    names = most_important(sweep, next(iter(methods.values())))
    data: list[dict[str, Any]] = []
    for method, shares in methods.items():
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": METHOD_NAMES[method],
                "y": names,
                "x": numbers(_importance_of(shares[name]) for name in names),
                "error_x": {"type": "data", "array": numbers(shares[name]["sd"] for name in names), "color": "$ink"},
                "marker": {"color": f"${METHOD_COLOURS[method]}"},
                "offsetgroup": method,
            }
        )
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "what shuffled scores reach",
                "orientation": "h",
                "offsetgroup": method,
                "showlegend": method == next(iter(methods)),
                "y": names,
                "x": numbers(shares[name]["shuffled_high"] for name in names),
                "marker": {
                    "symbol": "line-ns-open",
                    "size": 16,
                    "color": "$ink",
                    "line": {"width": 3},
                },
            }
        )
    ends = [
        max(said["importance"] + said["sd"], said["shuffled_high"]) for of in methods.values() for said in of.values()
    ]
    drawn = layout(
        axis("importance", "share, 0 to 1", range=[0, rounded(1.05 * max(ends))]),
        axis("hyperparameter", "name", type="category", autorange="reversed"),
        barmode="group",
        scattermode="group",
        bargap=0.25,
        scattergap=0.25,
        hovermode="y unified",
    )
    figure = Figure(
        "Importance of the hyperparameters",
        "Importance by method: "
        + "; ".join(
            f"{METHOD_NAMES[method]} "
            + ", ".join(f"{name} {_importance_of(shares[name]):.2f} ± {shares[name]['sd']:.2f}" for name in names)
            for method, shares in methods.items()
        ),
        data,
        drawn,
        height=140 + 26 * len(methods) * len(names),
        note="A bar's error is the standard deviation over bootstraps. The tick is what shuffled scores reach in one "
        "of twenty sweeps: a bar below it is not known to matter.",
    )
    return [*([Note(content["conclusion"])] if content["conclusion"] else []), figure]


def _ablation(sweep: Sweep, objective: str, unit: str) -> list[Figure]:
    """Return what each change on the way from the default to the incumbent brings."""
    path = ablation_path(sweep)
    if not path:
        return []
    steps = [
        f"{step.changed} {shown(step.configuration[step.changed])}" if step.changed else "default" for step in path
    ]
    trained = [(at, step.score) for at, step in zip(steps, path, strict=True) if step.score is not None]
    return [
        Figure(
            "From the default to the incumbent",
            "A forest's prediction of the score after each change: "
            + "; ".join(f"{at}: {shown(step.predicted)}" for at, step in zip(steps, path, strict=True))
            + ".",
            [
                {**line("a forest's prediction", numbers(step.predicted for step in path), (), "default"), "y": steps},
                {
                    **points("trained", numbers(score for _, score in trained), (), "rank_1"),
                    "y": [at for at, _ in trained],
                },
            ],
            layout(
                axis(objective, unit),
                axis("change", "the incumbent's value", **choices(steps), autorange="reversed"),
                hovermode="y unified",
            ),
            height=130 + 30 * len(steps),
            note="From top to bottom each step takes over the value that the forest expects most of, beside those "
            "before it; a step to the left shows what does not pay by itself. "
            f"make ablation SWEEP={sweep.name} trains what lies between, without opening the test days.",
        )
    ]


def _heat(sweep: Sweep, objective: str, unit: str) -> Figure:
    """Return each run's value: trials against folds and seeds."""
    pairs = sorted({(run["fold"], run["seed"]) for score in sweep.scores for run in score.runs})
    values = [{(run["fold"], run["seed"]): run for run in score.runs} for score in sweep.scores]
    table = [numbers(own[pair]["value"] if pair in own else None for pair in pairs) for own in values]
    texts = [[_told(own.get(pair)) for pair in pairs] for own in values]
    known = [value for row in table for value in row if value is not None]
    far = max(map(abs, known), default=1.0)
    trials = [f"{score.round}.{score.trial}" for score in sweep.scores]
    data = [
        {
            "type": "heatmap",
            "x": [f"{fold}.{seed}" for fold, seed in pairs],
            "y": trials,
            "z": table,
            "text": texts,
            "zmin": -far,
            "zmax": far,
            "colorscale": [[0, "#D55E00"], [0.5, "#f7f7f7"], [1, "#0072B2"]],
            "colorbar": _colour_bar(objective, unit),
            "hovertemplate": "round.trial %{y}, fold.seed %{x}<br>%{text}<extra></extra>",
            "xgap": 1,
            "ygap": 1,
        }
    ]
    without = sum(value is None for row in table for value in row)
    return Figure(
        "Every run: trials × folds and seeds",
        f"Values of {len(known)} runs of {len(trials)} trials, from {shown(min(known, default=None))} to "
        f"{shown(max(known, default=None))}; {without} cells have none.",
        data,
        layout(
            axis("run", "fold.seed", type="category"),
            axis("trial", "round.trial", type="category", autorange="reversed"),
            hovermode="closest",
        ),
        height=max(300, 130 + 14 * len(trials)),
        note="A column that has one colour says that the fold decides; a row that has one, that the trial does.",
    )


def _told(run: Mapping[str, Any] | None) -> str:
    return f"{run['status']}: {run['reason'] or shown(run['value'])}" if run else "no run"


def _difference(sweep: Sweep) -> list[Block]:
    """Return how the incumbent differs from the default."""
    best = sweep.incumbent
    if best is None:
        return []
    rows = []
    for name, entry in sweep.space.items():
        default, tuned_to = entry["default"], best.configuration[name]
        if entry["type"] == "constant":
            bounds = "constant"
        elif entry["type"] == "categorical":
            bounds = f"one of {shown(entry['choices'])}"
        else:
            bounds = f"{shown(entry['lower'])} to {shown(entry['upper'])}{', log' if entry['log'] else ''}"
        same = default == tuned_to
        factor = tuned_to / default if isinstance(default, float | int) and default and not same else None
        changed = "same" if same else f"× {factor:.3g}" if factor is not None else "other"
        rows.append((name, default, tuned_to, changed, bounds))
    changed_count = sum(row[3] != "same" for row in rows)
    return [
        Table(
            "Default and incumbent",
            ("hyperparameter", "default", "incumbent", "change", "range"),
            rows,
            note=f"The incumbent is {label_of(best)}; {changed_count} of {len(rows)} hyperparameters differ.",
        )
    ]


def _cost(sweep: Sweep) -> list[Block]:
    """Return what the runs took."""
    groups: dict[str, list[Run]] = {"runs of the sweep": sweep.runs}
    groups |= {f"backtest: {name_of(name)}": runs for name, runs in sweep.backtests.items()}
    rows = []
    for name, runs in groups.items():
        noted = [usage for run in runs if (usage := run.usage())]
        if noted:
            cpu: NDArray[np.float64] = np.asarray([usage["cpu_time"] for usage in noted])
            memory = max(usage["max_rss"] for usage in noted)
            rows.append((name, len(noted), float(np.median(cpu)), float(cpu.max()), float(cpu.sum() / 3600), memory))
    if not rows:
        return []
    columns = ("what", "runs", "CPU s, median", "CPU s, longest", "CPU h, together", "memory, largest (MiB)")
    return [Table("Cost", columns, rows)]
