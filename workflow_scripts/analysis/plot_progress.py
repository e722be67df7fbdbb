"""The rule plot_progress: the trials' scores in the order of their proposal."""

from pathlib import Path

import numpy as np

from workflow_scripts.analysis.baselines import baseline_scores
from workflow_scripts.analysis.figures import colour, figure, label
from workflow_scripts.sweeps import objectives
from workflow_scripts.sweeps.history import Score, at_full_budget
from workflow_scripts.workflow.jobs import command_line, start_job

REFERENCES = ("benchmark", "equal_weight")


def plot_progress(sweep: str, scores: tuple[Path, ...], baselines: tuple[Path, ...], plot: Path) -> None:
    """Draw each trial's score, the best so far, and what the benchmark and equal weight are worth on the same days.

    Trials share folds and seeds, so what they have in common is no error between them: a bar is the standard error of
    the trial's difference to the first, run by run.

    Args:
        sweep: name of the sweep.
        scores: score.json of every trial, in the order of proposal.
        baselines: fold_{fold}.parquet of the market's folds: the baselines' daily returns on the validation days.
        plot: the SVG file to write.

    """
    start_job("plot_progress")
    judged = objectives.read_scores(scores)
    objective = objectives.find(judged[0].objective)
    places = np.arange(1, len(judged) + 1)
    values = np.asarray([np.nan if score.score is None else score.score for score in judged])
    errors = np.asarray([_error_of_difference(score, judged[0]) for score in judged])
    with figure(plot, height=5, legend_columns=3) as axes:
        axes.set_title(f"{sweep}: validation {objective.label} of the trials")
        axes.errorbar(
            places,
            values,
            errors,
            fmt="o",
            color=colour("rank_1"),
            elinewidth=1,
            label="trial ± standard error of its difference to the first",
        )
        full = set(map(id, at_full_budget(judged)))
        best = np.fmax.accumulate(
            [value if id(score) in full else np.nan for value, score in zip(values, judged, strict=True)]
        )
        axes.step(places, best, where="post", color=colour("rank_2"), label="best so far (full budget)")
        for name, worth in baseline_scores(baselines, objective).items():
            if name in REFERENCES and not objective.centred:  # a baseline is no trial to be compared with the others
                axes.axhline(worth, color=colour(name), linestyle="--", label=f"{label(name)} ({worth:.2f})")
        lowest = axes.get_ylim()[0]
        for status, marker in (("undefined", "+"), ("flat", "_"), ("failed", "x")):
            at = [place for place, score in zip(places, judged, strict=True) if score.status == status]
            if at:
                axes.plot(at, [lowest] * len(at), marker, color="#444444", label=f"{status} (no score)")
        for number in sorted({score.round for score in judged}):
            first = next(place for place, score in zip(places, judged, strict=True) if score.round == number)
            axes.axvline(first - 0.5, color="#bbbbbb", linewidth=0.8)
            axes.annotate(f"round {number}", (first - 0.4, 0.98), xycoords=("data", "axes fraction"), fontsize=8)
        axes.set_xticks(places if len(places) <= 30 else places[:: len(places) // 15])
        axes.set_xlabel("trial, in the order of proposal")
        axes.set_ylabel(objective.axis("over folds and seeds", judged[0].periods_per_year))


def _error_of_difference(score: Score, first: Score) -> float:
    values = [{(run["fold"], run["seed"]): run["value"] for run in judged.runs} for judged in (score, first)]
    pairs = [(own, values[1].get(key)) for key, own in values[0].items()]
    gaps = np.asarray([own - other for own, other in pairs if own is not None and other is not None], dtype=np.float64)
    return float(gaps.std(ddof=1) / np.sqrt(len(gaps))) if len(gaps) > 1 else np.nan


if __name__ == "__main__":
    command_line(plot_progress)
