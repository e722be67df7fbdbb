import datetime
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import tyro
import yaml

from workflow_scripts.data.markets import SourceFlag, load_market
from workflow_scripts.data.sources.base import SOURCES, Source, source_of
from workflow_scripts.workflow.model import SettingError
from workflow_scripts.workflow.registry import find, names

VENDOR = {"source": "alpaca", "start": "2020-01-01", "tickers": ["KO", "PEP"]}
COMMON = ["source", "start", "end", "tickers", "universe", "missing", "periods_per_year", "volatility_ticker"]
COMMON += ["index_ticker"]
OWN = {
    "alpaca": ["interval", "feed"],
    "control": ["path", "before", "law", "block_days", "signal_strength", "half_life_days", "seed"],
    "csv": ["interval", "path", "date_format", "timezone", "adjusted", "features_from", "repair", "decimal"],
    "embedded": [],
    "noise": ["ticker_count", "days", "half_life_days", "noise_sd", "seed"],
    "planted": ["ticker_count", "days", "half_life_days", "noise_sd", "seed", "signal_strength"],
    "yahoo": ["interval"],
}


@pytest.mark.parametrize(("name", "own"), OWN.items())
def test_a_source_reads_the_common_keys_and_its_own(name, own):
    assert list(find(SOURCES, name, Source).model_fields) == [*COMMON, *own]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"source": "yaho"}, "source: 'yaho' is no source; did you mean yahoo? Your own is written module:Class"),
        ({"source": "null"}, "source: 'null' is no source; there are alpaca, control, csv, embedded, noise, planted"),
        ({"source": None}, "source: is required"),
        ({**VENDOR, "strat": "2020-01-01", "start": None}, "strat: unknown key; did you mean start?"),
        ({"source": "csv", "pth": "prices.csv"}, "pth: unknown key; did you mean path?"),
        ({"source": "csv", "path": "p.csv", "repair": "mend"}, "repair: 'mend' is not one of none, clip or drop"),
        ({"source": "csv", "path": "p.csv", "decimal": "'"}, 'decimal: "\'" is not one of . or ,'),
        ({"source": "embedded", "repair": "clip"}, "repair: unknown key; there are source, start"),
        ({"source": "csv"}, "path: source csv needs the path of a file or folder"),
        ({"source": "yahoo", "start": "2020-01-01"}, "source yahoo needs start, and tickers or a universe"),
        ({"source": "alpaca", "tickers": "dow28"}, "source alpaca needs start, and tickers or a universe"),
        ({"source": "embedded", "feed": "iex"}, "feed: unknown key; there are source, start, end, tickers"),
        ({"source": "noise", "signal_strength": 0.1}, "signal_strength: unknown key"),
        ({"source": "planted", "signal_strenght": 0.1}, "signal_strenght: unknown key; did you mean signal_strength?"),
        ({"source": "planted", "days": 99}, "days: 99 is not ≥ 100"),
        ({"source": "planted", "ticker_count": 1}, "ticker_count: 1 is not ≥ 2"),
        ({"source": "planted", "noise_sd": 0}, "noise_sd: 0 is not > 0"),
        ({**VENDOR, "feed": "otc"}, "feed: 'otc' is not one of sip or iex"),
        ({**VENDOR, "start": "2020-02-30"}, "start: 2020-02-30 is not a day of the calendar: write YYYY-MM-DD"),
        ({**VENDOR, "start": "20200203"}, "start: 20200203 is not a day of the calendar: write YYYY-MM-DD"),
        ({**VENDOR, "end": 2020}, "end: 2020 is not a day of the calendar: write YYYY-MM-DD"),
        ({**VENDOR, "end": "2020-01-01"}, "start < end does not hold for 2020-01-01, 2020-01-01"),
        (
            {**VENDOR, "tickers": "dow29"},
            "tickers: 'dow29' is not among the lists dow28; your own is written [KO,",
        ),
        ({**VENDOR, "tickers": [600519, 1]}, "tickers: 600519 is no ticker (put tickers of digits"),
        ({**VENDOR, "tickers": ["KO"]}, "tickers: KO are not two or more tickers, each of them once"),
        ({**VENDOR, "tickers": ["KO", "PEP", "KO"]}, "tickers: KO, PEP, KO are not two or more tickers, each of them"),
        ({**VENDOR, "missing": "skip"}, "missing: 'skip' is not one of error, drop_ticker or hold"),
        (
            {"source": "embedded", "universe": "members.csv", "missing": "drop_ticker"},
            "missing: drop_ticker would drop each ticker of the universe that comes or goes; take error or hold",
        ),
    ],
)
def test_a_market_that_cannot_be_is_refused_with_its_key(values, line):
    with pytest.raises(SettingError) as error:
        source_of(values)
    assert str(error.value).startswith(line)


@pytest.mark.parametrize("text", ["2020-01-02", "'2020-01-02'"])
def test_a_day_is_written_with_or_without_quotes(text):
    source = source_of({"source": "embedded", "start": yaml.safe_load(text)})
    assert source.start == "2020-01-02"


def test_a_day_has_no_time():
    with pytest.raises(SettingError, match="start: 2020-01-02 10:30:00 is not a day"):
        source_of({"source": "embedded", "start": datetime.datetime(2020, 1, 2, 10, 30)})


@pytest.mark.parametrize(
    ("values", "ticker"),
    [
        (VENDOR, "VIXY"),
        ({**VENDOR, "source": "yahoo"}, "^VIX"),
        ({"source": "csv", "path": "prices.csv"}, None),
        ({"source": "embedded"}, None),
    ],
)
def test_the_volatility_of_a_market_is_what_its_source_has(values, ticker):
    assert source_of(values).volatility_ticker == ticker
    assert source_of({**values, "volatility_ticker": "auto"}).settings()["volatility_ticker"] == ticker
    assert source_of({**values, "volatility_ticker": None}).volatility_ticker is None
    assert source_of({**values, "volatility_ticker": "VXN"}).volatility_ticker == "VXN"


@pytest.mark.parametrize(
    "values",
    [
        VENDOR,
        {**VENDOR, "source": "yahoo", "tickers": "dow28"},
        {"source": "csv", "path": "a folder/Börse.csv", "universe": "members.csv", "missing": "hold"},
        {"source": "csv", "path": "p", "features_from": ["vix"], "decimal": ",", "repair": "clip", "timezone": "UTC"},
        {"source": "planted", "seed": 3},
    ],
)
def test_a_source_comes_back_from_its_flag(values):
    source = source_of(values)
    flag = json.dumps(source.settings())
    assert source_of(json.loads(flag)) == source
    assert tyro.cli(SourceFlag, args=[flag]) == source


def test_the_users_files_are_those_behind_the_bars(tmp_path):
    for name in ("KO.csv", "PEP.CSV", "XOM.csv.gz", "ibm.us.txt", "notes.md"):
        (tmp_path / name).touch()
    folder = source_of({"source": "csv", "path": str(tmp_path), "universe": "members.csv"})
    assert folder.files() == [
        Path("members.csv"),
        *(tmp_path / name for name in ("KO.csv", "PEP.CSV", "XOM.csv.gz", "ibm.us.txt")),
    ]
    assert source_of({"source": "csv", "path": "prices.parquet"}).files() == [Path("prices.parquet")]
    assert source_of({"source": "embedded"}).files() == []


def test_only_vendors_are_asked_again_and_only_a_planted_signal_has_an_oracle():
    kinds = {name: find(SOURCES, name, Source) for name in names(SOURCES)}
    assert {name for name, kind in kinds.items() if kind.downloads} == {"alpaca", "yahoo"}
    assert source_of({"source": "planted"}).planted
    assert not source_of({"source": "noise"}).planted


def test_a_source_of_the_users_is_a_class_in_a_file(tmp_path, monkeypatch):
    (tmp_path / "my_prices.py").write_text(
        "import pandas as pd\n"
        "from workflow_scripts.data.sources.base import Source\n"
        "class Flat(Source):\n"
        "    level: float\n"
        "    def read(self, parts):\n"
        "        days = pd.bdate_range('2024-01-01', periods=3)\n"
        "        rows = [(day, name, *4 * [self.level], 1) for name in 'BA' for day in days]\n"
        "        columns = ['Date', 'Ticker', 'Open', 'High', 'Low', 'Close', 'Volume']\n"
        "        return pd.DataFrame(rows, columns=columns), 'prices that stand still'\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded = load_market(source_of({"source": "my_prices:Flat", "level": 7, "start": "2024-01-02"}))
    assert loaded.note == "prices that stand still"
    expected = [(pd.Timestamp(f"2024-01-0{day}"), name, 7.0) for day in (2, 3) for name in "AB"]
    assert list(loaded.bars[["date", "ticker", "close"]].itertuples(index=False, name=None)) == expected


@pytest.mark.parametrize(
    ("modules", "spared"),
    [
        (["data.settings", *(f"data.sources.{name}" for name in ("base", *OWN))], ["stockstats", "tyro"]),
        (["data.markets"], []),
    ],
)
def test_a_clients_packages_are_imported_only_where_bars_are_read(modules, spared):
    """Snakemake's own process makes every source, in an environment without these packages."""
    spared = ["alpaca", "yfinance", "curl_cffi", "tenacity", "requests", "skfolio", *spared]
    imports = ", ".join(f"workflow_scripts.{module}" for module in modules)
    code = f"import sys, {imports}; sys.exit([name for name in {spared} if name in sys.modules] or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
