"""On a market whose year has 365 periods, whatever shows a number of a year says so; 252 stands nowhere."""

import html
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from tests.unit.analysis.made_up_results import MadeUp
from workflow_scripts.analysis.compare_sweeps import compare_sweeps
from workflow_scripts.analysis.plot_equity import plot_equity
from workflow_scripts.analysis.plot_progress import plot_progress
from workflow_scripts.analysis.plot_sharpe import plot_sharpe
from workflow_scripts.analysis.report.page import unpacked
from workflow_scripts.analysis.write_report import write_report
from workflow_scripts.workflow.files import read_json

# What counts by a year: such a word in a text of a figure, or in a table's column or row, asks for the year beside it.
BY_YEAR = re.compile(r"sharpe|sortino|calmar|annual|a year|per year", re.IGNORECASE)
STATED = "365 periods per year"
OF_STOCKS = re.compile(r"252 (periods|days)|√252")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    made = MadeUp(tmp_path_factory.mktemp("crypto"), periods_per_year=365, handicap=0.002).make_market()
    made.make_sweep("ppo_smac")
    made.finish("ppo_smac")
    return made


@pytest.fixture(scope="module")
def page(made):
    write_report(made.results, made.results / "report.html")
    return (made.results / "report.html").read_text(encoding="utf-8")


def titles(block):
    """Return the titles of a figure's axes and scales of colours."""
    if isinstance(block, dict):
        own = [block["title"]["text"]] if isinstance(block.get("title"), dict) else []
        return own + [title for part in block.values() for title in titles(part)]
    return [title for part in block for title in titles(part)] if isinstance(block, list) else []


def test_every_axis_of_the_report_that_counts_by_a_year_says_how_many_periods_it_has(page):
    figures = [block for block in json.loads(unpacked(page, "payload")).values() if "layout" in block]
    said = [re.sub("(<br>)+", " ", title) for figure in figures for title in titles(figure)]
    by_year = [title for title in said if BY_YEAR.search(title)]
    assert [title for title in by_year if STATED not in title] == []
    named = {title.partition(" (")[0] for title in by_year}
    assert named == {"Sharpe ratio", "mean return", "difference"}
    # Score over cost, five slices, contour, path from the default, heat map, rolling; fees; the three estimates.
    assert len(by_year) == 12


def test_every_table_of_the_report_with_numbers_of_a_year_says_how_many_periods_it_has(page):
    text = re.sub(r"(?s)<(script|style).*?</\1>", "", page)
    tables = re.findall(r"(?s)<table.*?</table>.*?(?=<table|<figure|<h[34]|</section)", text)
    by_year = [table for table in tables if re.search(r"\(annual\)|a year\)", table)]
    assert len(by_year) == 2
    assert all("A year has 365 periods." in table for table in by_year)
    assert not OF_STOCKS.search(html.unescape(text))


def plots(made, folder):
    """Draw what Snakemake's report has; return each plot's texts."""
    sweep = made.results / "sweeps/ppo_smac"
    scores = tuple(sorted(sweep.glob("round_*/trial_*/score.json")))
    default = read_json(scores[0])["configuration"]
    folds = tuple(sorted(made.results.glob("markets/*/baselines/*.parquet")))
    settings = {"agent": "ppo", "optimizer": "smac", "market": made.market, "default": default}
    plot_progress("ppo_smac", scores, folds, folder / "progress.svg")
    plot_sharpe("ppo_smac", scores, json.dumps(default), folds, folder / "sharpe.svg")
    compare_sweeps(json.dumps({"ppo_smac": settings}), scores, 16, folder / "board.csv", folder / "leaderboard.svg")
    backtests = tuple(sorted(sweep.glob("backtest/*/seed_*/returns.parquet")))
    baselines = tuple(sorted(sweep.glob("backtest/*/returns.parquet")))
    plot_equity("ppo_smac", backtests, baselines, folder / "equity.svg")
    return {
        path.stem: [html.unescape(text) for text in re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"))]
        for path in folder.glob("*.svg")
    }


def test_every_plot_that_counts_by_a_year_says_how_many_periods_it_has(made, tmp_path):
    texts = plots(made, tmp_path)
    by_year = {name for name, said in texts.items() if any(map(BY_YEAR.search, said))}
    assert by_year == {"progress", "sharpe", "leaderboard"}
    assert all(f"({STATED})" in texts[name] for name in by_year)
    assert not OF_STOCKS.search(" ".join(text for said in texts.values() for text in said))
    assert set(pd.read_csv(tmp_path / "board.csv")["periods_per_year"]) == {365}
    assert set(pd.read_csv(made.results / "sweeps/ppo_smac/trials.csv")["periods_per_year"]) == {365}


def test_no_caption_counts_by_the_year_of_stocks(request):
    captions = {
        path.name: path.read_text(encoding="utf-8") for path in Path(request.config.rootpath, "report").glob("*.rst")
    }
    assert [name for name, text in captions.items() if OF_STOCKS.search(text)] == []
    assert all("periods_per_year" in text for text in captions.values() if "annual" in text)
