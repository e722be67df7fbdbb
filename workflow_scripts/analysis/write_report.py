"""The rule write_report: all sweeps in one page that needs no network, the verdicts first."""

from pathlib import Path

from workflow_scripts.analysis.report.calendar import calendar_section
from workflow_scripts.analysis.report.elements import Table, signed, span
from workflow_scripts.analysis.report.failures import failures_section
from workflow_scripts.analysis.report.market import data_section
from workflow_scripts.analysis.report.page import Part, render
from workflow_scripts.analysis.report.provenance import provenance_section, versions
from workflow_scripts.analysis.report.runs import runs_section
from workflow_scripts.analysis.report.search import search_section
from workflow_scripts.analysis.report.trading import trading_section
from workflow_scripts.analysis.report.training import training_section
from workflow_scripts.analysis.report.tree import Market, Sweep, read_market, read_sweeps
from workflow_scripts.analysis.report.truth import truth_part
from workflow_scripts.analysis.report.verdict import QUESTIONS, WORDS, verdict_section
from workflow_scripts.workflow.files import write_text
from workflow_scripts.workflow.jobs import command_line, start_job
from workflow_scripts.workflow.paths import root_of, whole
from workflow_scripts.workflow.wording import several


def write_report(results: Path, report: Path, sweeps: tuple[str, ...] = ()) -> None:
    """Write one page of what there is: verdicts, sweeps, trainings, trades, failures, provenance, runs, markets.

    Where there are controls, it shows what the same settings found there. A tree that is half made gives a page that
    says what is missing.

    Args:
        results: the folder of the results.
        report: the HTML file to write.
        sweeps: names of the sweeps, in their order; none takes all that there are.

    """
    log = start_job("write_report")
    found = read_sweeps(root_of(results), sweeps)
    if not found:
        raise ValueError(f"{results} holds no sweep: run Snakemake first")
    judging: dict[str, set[int]] = {}
    for sweep in found:
        if not sweep.windows:
            judging.setdefault(sweep.market, set()).update(sweep.folds)
    markets = [read_market(root_of(results), name, judging[name]) for name in sorted(judging)]
    parts = [_part(sweep) for sweep in found]
    if truth := truth_part(results):
        parts.append(truth)
    parts += [_part_of_market(market) for market in markets]
    page = render(_title(found), _summary(found), parts, versions())
    write_text(report, page)
    log.info(f"{several(len(found), 'sweep')}, {len(page.encode()) / 1e6:.2f} MB")


def _title(sweeps: list[Sweep]) -> str:
    names = {whole(sweep.name) for sweep in sweeps}
    return f"foldsweep: {len(names)} sweeps" if len(names) > 1 else f"foldsweep: {names.pop()}"


def _summary(sweeps: list[Sweep]) -> Table | None:
    """Return the answers side by side, where there are several sweeps."""
    if len(sweeps) == 1:
        return None
    rows = []
    for sweep in sweeps:
        if whole(sweep.name) != sweep.name:
            continue
        answers = [WORDS[sweep.verdict[name]["answer"]] if sweep.verdict else None for name in QUESTIONS]
        skill = sweep.verdict["skill"] if sweep.verdict else {}
        estimate = f"{signed(skill['estimate'])} {span(skill['interval'])}" if skill else None
        best = sweep.incumbent
        trials = sum(len(part.scores) for part in sweep.windows or [sweep])
        rows.append((sweep.name, sweep.market, *answers, estimate, trials, best.score if best else None))
    columns = ("sweep", "market", *QUESTIONS, "skill, estimate and interval", "trials", "best validation score")
    return Table("The answers", columns, rows)


def _part(sweep: Sweep) -> Part:
    market = read_market(sweep.root, sweep.market, sweep.folds)
    if sweep.windows:
        return Part(f"{sweep.name} on {sweep.market}", sweep.name, [verdict_section(sweep, market)])
    sections = [
        verdict_section(sweep, market),
        search_section(sweep, market),
        training_section(sweep),
        trading_section(sweep),
        failures_section(sweep),
        provenance_section(sweep, market),
        runs_section(sweep),
    ]
    return Part(f"{sweep.name} on {sweep.market}", sweep.name, sections)


def _part_of_market(market: Market) -> Part:
    return Part(f"market {market.name}", f"market-{market.name}", [calendar_section(market), data_section(market)])


if __name__ == "__main__":
    command_line(write_report)
