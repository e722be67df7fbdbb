import json
import re
import shutil
from itertools import pairwise

import numpy as np
import pytest
import yaml

from tests.unit.analysis.made_up_results import MadeUp
from tests.workflow.toy import ROOT
from workflow_scripts.analysis.ablation import ablation_path, why_no_path
from workflow_scripts.analysis.report.elements import numbers, shown, span
from workflow_scripts.analysis.report.market import data_section
from workflow_scripts.analysis.report.page import packed, unpacked
from workflow_scripts.analysis.report.search import most_important, scale
from workflow_scripts.analysis.report.surface import Surface
from workflow_scripts.analysis.report.trading import BASELINES
from workflow_scripts.analysis.report.tree import DRAWN, Market, read_sweeps
from workflow_scripts.analysis.write_ablation import write_ablation
from workflow_scripts.analysis.write_report import write_report
from workflow_scripts.data.download_bars import download_bars
from workflow_scripts.data.sources.base import source_of
from workflow_scripts.sweeps.history import Score


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    made = MadeUp(tmp_path_factory.mktemp("made_up")).make_market()
    made.make_sweep("ppo_smac")
    made.finish("ppo_smac")
    return made.results


@pytest.fixture(scope="module")
def page(results):
    write_report(results, results / "report.html")
    return (results / "report.html").read_text(encoding="utf-8")


def test_whatever_is_drawn_beside_the_tuned_has_a_colour_of_its_own():
    script = (ROOT / "workflow_scripts/analysis/report/page.js").read_text(encoding="utf-8")
    for theme in ("light", "dark"):
        colours = dict(re.findall(r'(\w+): "(#\w{6})"', script.split(f"{theme}: {{")[1].split("}")[0]))
        drawn = [colours[name] for name in (*DRAWN, *BASELINES, "oracle")]
        assert len(set(drawn)) == len(drawn)


def test_the_tear_sheet_says_at_which_fee_the_gain_ends_and_what_a_delay_costs(page):
    text = visible(page)
    assert "The tuned policy earns as much as the benchmark at 10.0 bp; it was judged at 10 bp." in text
    assert "What delay would cost" in text
    assert [row in text for row in ("at the close on which they decide", "two closes later")] == [True, True]


def test_the_page_says_what_the_covariance_behind_turbulence_is(page):
    assert "Turbulence: sample covariance of 60 days for 12 tickers." in visible(page)


def visible(page):
    return re.sub(r"(?s)<(script|style).*?</\1>", "", page)


def test_the_answers_stand_before_everything_else(results, page):
    verdict = json.loads((results / "sweeps/ppo_smac/verdict.json").read_text())
    places = [visible(page).index(verdict[name]["sentence"]) for name in ("skill", "tuning", "selection")]
    assert places == sorted(places)
    assert places[-1] < visible(page).index('class="plot"')


def test_the_page_is_one_file_that_names_no_other(page):
    assert not re.search(r'(src|href)="(?!#|data:)', page)
    assert "@import" not in page
    assert unpacked(page, "plotly").startswith(b"/**\n* plotly.js")


def test_equal_results_give_equal_pages(results, page, tmp_path):
    write_report(results, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page


def test_every_axis_of_every_figure_says_its_unit(page):
    figures = [each for each in json.loads(unpacked(page, "payload")).values() if "layout" in each]
    axes = [
        axis
        for figure in figures
        for name, axis in figure["layout"].items()
        if re.match("[xy]axis", name) and axis.get("showticklabels", True)
    ]
    assert len(axes) > 40
    assert all(re.search(r".+( |<br>)\(.+\)$", axis["title"]["text"]) for axis in axes)


def test_no_path_of_this_machine_is_on_the_page(results, page):
    text = visible(page) + unpacked(page, "payload").decode()
    assert str(results.parent) not in text
    assert "/tmp/" not in text


def test_a_page_of_fifty_trials_has_less_than_five_megabytes(tmp_path):
    made = MadeUp(tmp_path, tickers=20).make_market()
    made.make_sweep("ppo_smac", rounds=1, size=50)
    made.finish("ppo_smac")
    write_report(made.results, tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 5e6


def test_a_tree_that_is_half_made_says_what_is_missing(tmp_path):
    made = MadeUp(tmp_path).make_market()
    made.make_sweep("ppo_smac", rounds=1)
    write_report(made.results, tmp_path / "report.html")
    text = visible((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "There is no verdict yet" in text
    assert "No backtest is done yet." in text
    assert "The table is made when all rounds are scored." in text


def test_a_tree_whose_first_trial_still_trains_has_a_page(tmp_path):
    made = MadeUp(tmp_path).make_market()
    folder = made.make_sweep("ppo_smac", rounds=1)
    for score in folder.glob("round_*/trial_*"):
        shutil.rmtree(score)
    write_report(made.results, tmp_path / "report.html")
    text = visible((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "No trial has been scored yet." in text
    assert "No run has kept learning curves." in text


def test_results_without_a_sweep_are_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no sweep"):
        write_report(tmp_path / "results", tmp_path / "report.html")


def test_a_candidate_that_failed_is_named_in_place_of_its_trades(results, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(results, copy)
    folder = copy / "sweeps/ppo_smac"
    for run in (folder / "backtest/rank_1").glob("seed_*"):
        shutil.rmtree(run)
    verdict = json.loads((folder / "verdict.json").read_text())
    verdict["not_judged"] = {"rank_1": "1 of 5 runs failed: out of memory"}
    (folder / "verdict.json").write_text(json.dumps(verdict))
    write_report(copy, tmp_path / "report.html", ("ppo_smac",))
    text = visible((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "has no test days to show: 1 of 5 runs failed: out of memory" in text


def test_a_tuned_configuration_that_is_the_default_has_an_answer_without_an_interval(results, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(results, copy)
    path = copy / "sweeps/ppo_smac/verdict.json"
    verdict = json.loads(path.read_text())
    sentence = "The tuned configuration is the default: tuning found nothing better to test."
    none = {"answer": "no", "sentence": sentence, "estimate": 0.0, "interval": None, "p_value": None, "reason": "one"}
    verdict["tuning"] |= none
    path.write_text(json.dumps(verdict))
    write_report(copy, tmp_path / "report.html", ("ppo_smac",))
    assert sentence in visible((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_several_sweeps_stand_side_by_side_first(results, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(results, copy)
    shutil.copytree(copy / "sweeps/ppo_smac", copy / "sweeps/another")
    write_report(copy, tmp_path / "report.html", ("ppo_smac", "another"))
    text = visible((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert text.index("The answers") < text.index('id="ppo_smac"') < text.index('id="another"')
    assert text.count('id="market-noise"') == 1


def test_windows_of_the_test_days_have_one_verdict_and_a_part_each(results, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(results / "markets/noise", copy / "markets/noise")
    verdict = json.loads((results / "sweeps/ppo_smac/verdict.json").read_text())
    verdict["windows"] = []
    for number in range(2):
        market, sweep = f"noise_window_{number}", f"ppo_smac_window_{number}"
        left = shutil.ignore_patterns("data.lock.json", "bars.parquet", "verdict.json")
        shutil.copytree(results / "markets/noise", copy / "markets" / market, ignore=left)
        shutil.copytree(results / "sweeps/ppo_smac", copy / "sweeps" / sweep, ignore=left)
        backtest = copy / "sweeps" / sweep / "backtest"
        shutil.copytree(backtest / "buy_and_hold", backtest / "index")
        for manifest in (copy / "sweeps" / sweep).glob("round_*/proposals.json"):
            said = json.loads(manifest.read_text())
            said["settings"]["market"] = market
            manifest.write_text(json.dumps(said))
        parts = {name: verdict[name] for name in ("test", "validation", "selection")}
        opened = {"count": 1, "problems": []}
        verdict["windows"].append({"sweep": sweep, **parts, "tuned_is_default": number == 1, "openings": opened})
    (copy / "sweeps/ppo_smac").mkdir()
    (copy / "sweeps/ppo_smac/verdict.json").write_text(json.dumps(verdict))
    write_report(copy, tmp_path / "report.html", ("ppo_smac", "ppo_smac_window_0", "ppo_smac_window_1"))
    text = visible((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "<title>foldsweep: ppo_smac</title>" in text
    assert text.count(verdict["skill"]["sentence"]) == 1
    assert text.count("The verdict of ppo_smac judges the test days of this sweep together") == 2
    assert "There is no verdict yet" not in text
    # What it took is that of both: 24 trials with a score or without.
    first = text[text.index('id="ppo_smac"') : text.index('id="ppo_smac_window_0"')]
    assert "Windows of the test days" in first
    assert "24, 2 without a score" in first
    assert 'id="market-noise_window_0"' in text
    assert "Nothing has been downloaded yet." not in text
    assert re.search(r"<td>\s*index\s*</td>|<t[hd][^>]*>\s*index\s*</t[hd]>", text)


def test_a_text_of_the_results_is_no_markup(results, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(results, copy)
    lock = json.loads((copy / "markets/noise/data.lock.json").read_text())
    lock["warnings"] = ["<script>alert(1)</script>"]
    (copy / "markets/noise/data.lock.json").write_text(json.dumps(lock))
    write_report(copy, tmp_path / "report.html")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in (tmp_path / "report.html").read_text(encoding="utf-8")


# A law that a forest finds: the score falls by the distance of log10 of the rate from -3; gamma does nothing.
LAW = {
    "rate": {"type": "float", "lower": 1e-5, "upper": 1e-1, "log": True, "default": 1e-3},
    "gamma": {"type": "float", "lower": 0.0, "upper": 1.0, "log": False, "default": 0.5},
    "kind": {"type": "categorical", "choices": ["a", "b"], "default": "a"},
}


def trial(number, rng):
    at = {"rate": 10 ** rng.uniform(-5, -1), "gamma": rng.uniform(), "kind": "ab"[number % 2]}
    return Score("s", 0, number, 1, "ok", None, -abs(np.log10(at["rate"]) + 3), 0.0, at)


def test_partial_dependence_finds_the_law_and_is_flat_where_there_is_none():
    rng = np.random.default_rng(0)
    surface = Surface.of([trial(number, rng) for number in range(80)], LAW)
    rates, worth = surface.partial("rate")
    assert np.log10(rates[int(np.argmax(worth))]) == pytest.approx(-3, abs=0.5)
    assert worth[0] < -1.2 and worth[-1] < -1.2 and max(worth) > -0.4
    _, flat = surface.partial("gamma")
    assert np.ptp(flat) < 0.3
    choices, of_choices = surface.partial("kind")
    assert choices == ["a", "b"]
    assert np.ptp(of_choices) < 0.2
    across, up, means = surface.partial_of_two("rate", "gamma")
    assert means.shape == (len(up), len(across)) == (20, 20)
    assert means.mean(axis=0) == pytest.approx(np.interp(np.log(across), np.log(rates), worth), abs=0.3)


def test_the_path_to_the_incumbent_takes_what_pays_most_first():
    rng = np.random.default_rng(0)
    surface = Surface.of([trial(number, rng) for number in range(80)], LAW)
    start, end = {"rate": 1e-5, "gamma": 0.5, "kind": "a"}, {"rate": 1e-3, "gamma": 0.5, "kind": "b"}
    path = surface.ablation(start, end)
    assert [name for name, _ in path] == ["", "rate", "kind"]
    before, without_rate, last = (predicted for _, predicted in path)
    assert without_rate - before > 1.2
    assert abs(last - without_rate) < 0.2
    assert surface.ablation(end, end) == [("", last)]


def test_a_choice_is_found_by_its_value():
    """ConfigSpace makes 1.0 of 1 beside 0.5, in rounds that an earlier version proposed."""
    space = {"gamma": {"type": "categorical", "choices": [0, 0.5, 1], "default": 1}}
    scores = [
        Score("s", 0, place, 9, "ok", None, gamma, None, {"gamma": gamma}) for place, gamma in enumerate([0.5, 1.0])
    ]
    assert Surface.of(scores, space).rows.tolist() == [[1.0], [2.0]]


def test_a_path_has_what_was_trained_of_it_and_make_ablation_trains_the_rest(results, tmp_path, monkeypatch):
    folder = tmp_path / "results/sweeps/ppo_smac"
    shutil.copytree(results / "sweeps/ppo_smac", folder, ignore=shutil.ignore_patterns("fold_*", "backtest"))
    (sweep,) = read_sweeps(tmp_path, ["ppo_smac"])
    assert ablation_path(sweep) == []  # the default is the best here
    worse = json.loads((folder / "round_0/trial_0/score.json").read_text())
    (folder / "round_0/trial_0/score.json").write_text(json.dumps(worse | {"score": worse["score"] - 5}))
    (sweep,) = read_sweeps(tmp_path, ["ppo_smac"])
    path = ablation_path(sweep)
    # Its rung below had the same configuration: it is one all the same. A schedule of several has no path.
    (best,) = (each for each in sweep.scores if each is sweep.incumbent)
    best.phases[:] = [{"budget": 1, "configuration": best.configuration}]
    assert ablation_path(sweep) == path
    best.phases[:] = [{"budget": 1, "configuration": sweep.default}]
    assert why_no_path(sweep) == "the incumbent is a schedule of several configurations"
    best.phases.clear()
    assert (path[0].changed, path[0].configuration) == (None, sweep.default)
    assert path[-1].configuration == sweep.incumbent.configuration
    assert path[-1].score == sweep.incumbent.score
    for before, after in pairwise(path):
        differ = [name for name in sweep.default if before.configuration[name] != after.configuration[name]]
        assert differ == [after.changed]

    config = tmp_path / "config.yaml"
    block = {"agent": "ppo", "market": "noise", "optimizer": "smac", "rounds": 3, "round_size": 4, "budget": 6144}
    settings = {"markets": {}, "sweeps": {sweep.name: block, "other": block}, "orders": {"sweep": sweep.name}}
    config.write_text(yaml.safe_dump(settings | {"backtest": {"confidence": 0.9}}, sort_keys=False))
    write_ablation(sweep.name, tmp_path / "ablation.yaml", tmp_path / "results", config)
    written = yaml.safe_load((tmp_path / "ablation.yaml").read_text())
    missing = [step.configuration for step in path if step.score is None]
    assert written["sweeps"] == {
        f"{sweep.name}_ablation": {"agent": "ppo", "market": "noise", "optimizer": "manual", "rounds": 1}
        | {"round_size": len(missing), "configurations": missing, "budget": sweep.incumbent.budget}
    }
    assert written["backtest"] == {"confidence": 0.9, "top": 1}
    assert "orders" not in written
    # A step whose batch is larger than what its horizon collects leaves no update.
    monkeypatch.setattr("workflow_scripts.analysis.write_ablation.is_forbidden", lambda _, values: values == missing[0])
    write_ablation(sweep.name, tmp_path / "ablation.yaml", tmp_path / "results", config)
    (written,) = yaml.safe_load((tmp_path / "ablation.yaml").read_text())["sweeps"].values()
    assert (written["round_size"], written["configurations"]) == (len(missing) - 1, missing[1:])
    with pytest.raises(SystemExit, match=f"has no sweep nothing: name one of {sweep.name}, other"):
        write_ablation("nothing", tmp_path / "ablation.yaml", tmp_path / "results", config)
    config.write_text(yaml.safe_dump({"markets": {}, "test": {"windows": 2}, "sweeps": {sweep.name: block}}))
    with pytest.raises(SystemExit, match="an incumbent before each of 2 windows of the test days"):
        write_ablation(sweep.name, tmp_path / "ablation.yaml", tmp_path / "results", config)


def test_the_most_important_hyperparameter_is_so_by_the_mean_of_the_methods(results):
    sweep = read_sweeps(results.parent, ("ppo_smac",))[0]
    sweep.__dict__["importance"] = {
        "methods": {
            "fanova": {"a": {"importance": 0.9}, "b": {"importance": 0.2}},
            "local": {"a": {"importance": 0.0}, "b": {"importance": 0.8}},
        }
    }
    assert most_important(sweep, {"a": {}, "b": {}}) == ["b", "a"]


def test_an_axis_over_a_logarithmic_range_marks_powers_of_ten():
    assert scale(LAW["rate"]) == {"type": "log", "range": [-5.0, -1.0], "dtick": 1}
    assert scale(LAW["gamma"]) == {"type": "linear", "range": [0.0, 1.0]}


def test_numbers_are_short_and_what_is_not_finite_is_none():
    assert numbers([0.123456789, float("nan"), None, 2]) == [0.12346, None, None, 2.0]
    assert [shown(value) for value in (None, 1234567, 0.123456, [1, 2], [], True)] == [
        "—",
        "1,234,567",
        "0.1235",
        "1, 2",
        "none",
        "yes",
    ]
    assert span((-0.1, 0.25)) == "[-0.1, +0.25]"


def test_what_is_packed_comes_back():
    page = f'<script type="application/gzip" id="x">{packed(b"text")}</script>'
    assert unpacked(page, "x") == b"text"


@pytest.mark.parametrize("repair", ["clip", "drop"])
def test_rows_that_a_market_clips_or_drops_are_counted_per_ticker(tmp_path, repair):
    text = "date,ticker,open,high,low,close\n2024-01-02,KO,10,12,9,11\n2024-01-02,PEP,20,22,19,21\n"
    bad = "2024-01-03,KO,10,12,9,13\n2024-01-03,PEP,20,22,19,25\n2024-01-04,PEP,0,22,19,21\n"
    good = "2024-01-05,KO,10,12,9,12\n2024-01-05,PEP,20,22,19,22\n"
    (tmp_path / "prices.csv").write_text(text + bad + good, encoding="utf-8")
    keys = {"source": "csv", "path": str(tmp_path / "prices.csv"), "repair": repair, "missing": "hold"}
    folder = tmp_path / "mine"
    download_bars(source_of(keys), folder / "bars.parquet", folder / "data.lock.json")
    facts = [block for block in data_section(Market("mine", folder)).blocks if block.kind == "facts"]
    assert dict(facts[1].rows)["rows clipped or dropped, per ticker"] == "KO 1, PEP 2"
