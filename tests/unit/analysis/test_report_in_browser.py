"""The page in a headless Chromium: it draws, sorts, filters, prints, and asks nobody for anything."""

import csv
import io
import re

import pytest

from tests.browser import CHROMIUM, Browser
from tests.unit.analysis.made_up_results import MadeUp
from workflow_scripts.analysis.write_report import write_report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium"),
]

SETTLED = "new Promise(done => setTimeout(done, 500))"
DRAWN = f"ready.then(() => drawAll()).then(() => {SETTLED})"
# Texts of a figure that are cut off by its edge, or lie on one another by more than a pixel.
UNREADABLE = """
[...document.querySelectorAll('.plot')].flatMap((plot) => {
  const title = plot.closest('figure').querySelector('h4').textContent, frame = plot.getBoundingClientRect();
  const texts = [...plot.querySelectorAll('text')].map((text) => [text.textContent, text.getBoundingClientRect()])
    .filter(([text, box]) => text && box.width && box.height);
  const cut = texts.filter(([, box]) => box.left < frame.left - 1 || box.right > frame.right + 1 ||
    box.top < frame.top - 1 || box.bottom > frame.bottom + 1).map(([text]) => `${title}: cut off: ${text}`);
  const over = texts.flatMap(([one, a], at) => texts.slice(at + 1).filter(([, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1).map(([other]) => `${title}: ${one} on ${other}`));
  return [...cut, ...over];
})
"""
# Elements that are wider than their place, but for those that scroll.
TOO_WIDE = """
[document.documentElement, ...document.querySelectorAll('main *:not(.wide):not(.wide *):not(.plot *)')]
  .filter((each) => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== 'inline')
  .map((each) => `${each.tagName} ${each.className}: ${each.textContent.slice(0, 60)}`)
"""
AXES = """
[...document.querySelectorAll('.plot')].flatMap((plot) => Object.entries(plot._fullLayout)
  .filter(([name]) => /^[xy]axis/.test(name))
  .map(([name, axis]) => [plot.closest('figure').querySelector('h4').textContent, name, axis.title?.text,
    axis.showticklabels]))
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = tmp_path_factory.mktemp("made_up")
    made = MadeUp(root, handicap=0.002).make_market()  # so that a path leads from the default to the incumbent
    made.make_sweep("ppo_smac")
    made.finish("ppo_smac")
    made.make_sweep("unfinished", rounds=1)
    write_report(made.results, made.results / "report.html")
    return made.results / "report.html"


@pytest.fixture(params=[(1400, False), (400, True)], ids=["1400 light", "400 dark"], scope="module")
def shown(request, page):
    width, dark = request.param
    with Browser(width, 1000, dark) as browser:
        browser.open(page)
        browser.run(DRAWN)
        yield browser


def test_it_asks_no_network_and_complains_of_nothing(shown, page):
    assert shown.errors == []
    assert [each for each in shown.requests if not each.startswith("data:")] == [page.as_uri()]


def test_every_figure_is_drawn_and_has_a_text_for_who_cannot_see_it(shown):
    drawn = shown.run(
        "[...document.querySelectorAll('.plot')].map(p => [p.querySelectorAll('svg').length, p.ariaLabel])"
    )
    assert len(drawn) > 25
    assert all(count and len(text) > 30 for count, text in drawn)


def test_the_path_to_the_incumbent_and_what_fees_and_delays_cost_are_among_them(shown):
    figures = shown.run("[...document.querySelectorAll('figure h4')].map(title => title.textContent)")
    assert {"From the default to the incumbent", "What fees would cost"} <= set(figures)
    steps = shown.run(
        "(() => { const plot = [...document.querySelectorAll('.plot')].find(plot => "
        "plot.closest('figure').querySelector('h4').textContent === 'From the default to the incumbent');"
        "return plot._fullData.map(each => [each.name, each.y.length]); })()"
    )
    # A step for each of five hyperparameters behind the default; the default and the incumbent were trained.
    assert steps == [["a forest's prediction", 6], ["trained", 2]]
    table = shown.run(
        "[...document.querySelectorAll('table')].find(each => each.textContent.includes('two closes later')).innerText"
    )
    # It gains 1 % a year at the same close, and half of that less a close later.
    assert [line.split("\t")[1:] for line in table.splitlines()[1:]] == [["9", "1.01"], ["8.5", "1.005"], ["8", "1"]]


def test_no_text_is_cut_off_or_lies_on_another(shown):
    assert shown.run(UNREADABLE) == []
    assert shown.run(TOO_WIDE) == []


def test_every_axis_says_its_unit(shown):
    axes = shown.run(AXES)
    assert len(axes) > 50
    # Of panels side by side with one axis of values the first one says it.
    named = [(figure, title) for figure, _, title, ticks in axes if ticks]
    assert [each for each in named if not re.search(r".+( |<br>)\(.+\)$", each[1] or "")] == []


def test_it_opens_in_the_readers_theme_and_changes_it(shown):
    theme = "document.documentElement.dataset.theme"
    ink = "getComputedStyle(document.querySelector('.plot text')).fill"
    first = shown.run(theme)
    assert first == ("dark" if shown.dark else "light")
    before = shown.run(ink)
    shown.run("document.getElementById('theme').click()")
    shown.run(SETTLED)
    assert shown.run(theme) != first
    assert shown.run(ink) != before
    shown.run("document.getElementById('theme').click()")
    shown.run(SETTLED)
    assert shown.run(ink) == before


TABLE = "[...document.querySelectorAll('#ppo_smac-runs .every')].at(-1)"


def column(browser, name):
    cells = f"""
    (() => {{
      const table = {TABLE}, heads = [...table.querySelectorAll('th')].map(h => h.textContent.replace(/ [▲▼]$/, ''));
      const at = heads.indexOf({name!r});
      return [...table.querySelectorAll('tbody tr')].map(row => row.children[at].title);
    }})()
    """
    return [float(cell) if cell else None for cell in browser.run(cells)]


def click(browser, name):
    browser.run(f"[...{TABLE}.querySelectorAll('th button')].find(b => b.textContent.startsWith({name!r})).click()")


def test_the_table_sorts_both_ways_with_what_is_missing_last(shown):
    click(shown, "sharpe")
    up = column(shown, "sharpe")
    known = [value for value in up if value is not None]
    assert len(up) == 72 and len(known) == 69
    assert known == sorted(known) and up[-3:] == [None] * 3
    click(shown, "sharpe")
    assert column(shown, "sharpe") == [*reversed(known), None, None, None]


def filtered(browser, text):
    field = f"{TABLE}.querySelector('input')"
    browser.run(f"Object.assign({field}, {{value: {text!r}}}).dispatchEvent(new Event('input'))")
    return browser.run(f"{TABLE}.querySelector('.count').textContent")


def test_the_table_filters_by_words_and_by_comparisons(shown):
    assert filtered(shown, "failed") == "3 of 72 rows"
    assert filtered(shown, "fold=1 seed=0") == "12 of 72 rows"
    filtered(shown, "sharpe>0.5 fold=0")
    assert min(column(shown, "sharpe")) > 0.5
    assert set(column(shown, "fold")) == {0.0}
    assert filtered(shown, "") == "72 of 72 rows"


def test_the_download_has_what_the_table_shows_with_all_digits(shown, page):
    filtered(shown, "fold=1 seed=0")
    shown.run("URL.createObjectURL = (blob) => { window.saved = blob.text(); return 'data:,'; }")
    shown.run(f"[...{TABLE}.querySelectorAll('.tools button')].at(-1).click()")
    head, *rows = csv.reader(io.StringIO(shown.run("saved")))
    with (page.parent / "sweeps/ppo_smac/trials.csv").open() as file:
        whole, *every = csv.reader(file)
    assert head == whole
    at = [head.index(name) for name in ("fold", "seed", "sharpe")]
    wanted = [row for row in every if [row[place] for place in at[:2]] == ["1", "0"]]
    assert sorted(float(row[at[2]]) for row in rows) == sorted(float(row[at[2]]) for row in wanted)
    filtered(shown, "")


def test_a_hover_says_what_is_there(shown):
    shown.run("document.querySelector('.plot').scrollIntoView({block: 'center'})")
    shown.run("Plotly.Fx.hover(document.querySelector('.plot'), [{curveNumber: 0, pointNumber: 0}])")
    assert shown.run("document.querySelector('.plot .hoverlayer').textContent.length") > 3


def test_it_prints_with_every_figure(page, tmp_path):
    with Browser() as browser:
        browser.open(page)
        browser.run("ready")
        browser.pdf(tmp_path / "report.pdf")
        assert browser.run("[...document.querySelectorAll('.plot')].every(plot => plot.querySelector('svg'))")
        assert browser.errors == []
    content = (tmp_path / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert content.count(b"/Type /Page\n") >= 8


@pytest.mark.parametrize("width", [400, 1400, 3840])
def test_a_page_of_any_width_scrolls_down_alone(page, width):
    with Browser(width, 1000) as browser:
        browser.open(page)
        browser.run(DRAWN)
        assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.run(UNREADABLE) == []
