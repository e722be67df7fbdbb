"""The rule compare_sweeps: the leaderboard of all sweeps, as a table and as curves of the best score over cost."""

import json
from pathlib import Path

import matplotlib.pyplot as plt

from workflow_scripts.analysis.figures import figure
from workflow_scripts.analysis.leaderboard import Sweep, anytime, compare, cpu_seconds
from workflow_scripts.sweeps.objectives import is_annual, label, read_scores
from workflow_scripts.workflow.files import whole_file
from workflow_scripts.workflow.jobs import command_line, start_job

LINES = ("-", "--", ":", "-.")


def compare_sweeps(sweeps: str, scores: tuple[Path, ...], num_envs: int, table: Path, plot: Path) -> None:
    """Write the leaderboard and draw the best score so far of every sweep over the vector steps that it spent.

    Args:
        sweeps: JSON of each sweep's agent, optimizer, market and default configuration, by name.
        scores: score.json of every trial of every sweep, in the order of proposal.
        num_envs: portfolios of a run.
        table: the CSV file to write: a row per sweep.
        plot: the SVG file to write.

    """
    log = start_job("compare_sweeps")
    judged = dict(zip(scores, read_scores(scores), strict=True))
    compared = []
    for name, settings in json.loads(sweeps).items():
        own = {path: score for path, score in judged.items() if score.sweep == name}
        trained = cpu_seconds(own)
        compared.append(Sweep(name, scores=list(own.values()), num_envs=num_envs, cpu_seconds=trained, **settings))
    board = compare(compared)
    with whole_file(table) as beside:
        board.to_csv(beside, index=False)
    objectives = {sweep.objective for sweep in compared}
    alike = len({(sweep.market, sweep.scores[0].periods_per_year) for sweep in compared}) == 1
    score = label(*objectives) if len(objectives) == 1 else "score by each sweep's objective"
    with figure(plot, height=5, legend_columns=3) as axes:
        axes.set_title(f"Best validation {score} so far, over cost")
        for place, sweep in enumerate(compared):
            curve = anytime(sweep.scores)
            drawn = LINES[place % len(LINES)]  # sweeps that end at the same trial show beside each other
            colour = plt.get_cmap("tab10")(place % 10)
            where = f"{sweep.market}, {sweep.scores[0].periods_per_year} periods per year"
            named = sweep.name if alike else f"{sweep.name} ({where})"
            axes.step(curve.steps, curve.best, drawn, where="post", color=colour, label=named)
            axes.plot(curve.steps.iloc[-1], curve.best.iloc[-1], "o", color=colour)
        axes.set_xlabel(f"vector steps of all runs (one is {num_envs} env-steps)")
        years = " or ".join(map(str, sorted({sweep.scores[0].periods_per_year for sweep in compared})))
        annual = f"\n({years} periods per year)" if any(map(is_annual, objectives)) else ""
        axes.set_ylabel(f"{score} over folds and seeds{annual}")
    for row in board.astype(object).where(board.notna(), None).itertuples():
        log.info(
            f"{row.sweep} incumbent={row.incumbent_value} ± {row.incumbent_interval} vector_steps={row.vector_steps}"
            + (f" reason={row.reason!r}" if row.reason else "")
        )


if __name__ == "__main__":
    command_line(compare_sweeps)
