"""What a market of 500 tickers and 5,000 days takes, with this code and with that of before.

CPU seconds and memory of each job that reads the whole market, and of a backtest of 512 vector steps, beside what the
job asks for. The prices are random walks in cents, a csv of some 140 MB. ``python benchmarks/large_market.py`` writes
``benchmarks/large_market.json``, anew with every figure; ``--before`` names a commit, or a folder with another
checkout, to measure in the same run (thirteen CPU minutes). A run that was stopped goes on where it was.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tyro

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import environment, machine
from workflow_scripts.workflow.memory_requests import request_mb

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name("large_market.json")
FOLDER = Path(tempfile.gettempdir()) / "foldsweep_large_market"
TICKERS, DAYS, TEST_DAYS, STEPS = 500, 5000, 500, 512
TURBULENCE_DAYS, PURGE_DAYS = 252, 5
FOLDS = [
    "--settings.count=3",
    "--settings.train-days=1008",
    "--settings.validation-days=252",
    "--settings.purge-days=5",
]
TRIAL = (
    f"from workflow_scripts.training.trials import Trial; print(Trial('large', 'ppo', 0, 0, {STEPS}, {{}}).to_yaml())"
)
# The jobs of a backtest: of one configuration with one seed.
Jobs = dict[str, dict[str, float]]


def main(
    before: str = "",
    tickers: int = TICKERS,
    days: int = DAYS,
    folder: Path = FOLDER,
) -> None:
    """Measure, print a table, write the figures.

    Args:
        before: a commit, or a folder with a checkout, whose code is measured too.
        tickers: tickers of the market.
        days: days of the market.
        folder: what the jobs make, and the figures so far; it is removed at the end.

    """
    folder.mkdir(parents=True, exist_ok=True)
    prices = folder / "prices.csv"
    first_test_day = write_prices(prices, tickers, days)
    market = {"tickers": tickers, "days": days, "csv_mb": round(prices.stat().st_size / 1e6)}
    codes = {"now": ROOT} | ({"before": checkout(before, folder)} if before else {})
    measured: dict[str, Jobs] = {name: {} for name in codes}
    content = {"machine": machine(), "market": market, "commit_before": before, "jobs": measured}
    for name, code in codes.items():
        for job, figures in measure(code, prices, folder / name, first_test_day):
            measured[name][job] = figures
            print(f"{name} {job}: {figures['cpu_s']:.1f} CPU s, {figures['mb']:.0f} MB", flush=True)
            RESULTS.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(table(measured))
    shutil.rmtree(folder)


def table(measured: dict[str, Jobs]) -> str:
    """Return a row per job: CPU seconds and MB of each code, and the MB that the job asks for now."""
    lines = [
        f"{'':24}{'CPU s':>10}{'MB':>8}{'asks for':>10}" + ("     before: CPU s      MB" if len(measured) > 1 else "")
    ]
    for job in dict.fromkeys(name for jobs in measured.values() for name in jobs):
        now, old = (measured.get(code, {}).get(job) for code in ("now", "before"))
        line = f"{job:24}" + (f"{now['cpu_s']:10.1f}{now['mb']:8.0f}{now['request_mb']:10.0f}" if now else " " * 28)
        lines.append(line + (f"{old['cpu_s']:18.1f}{old['mb']:8.0f}" if old else ""))
    return "\n".join(lines)


def write_prices(path: Path, tickers: int, days: int) -> str:
    """Write random walks with a common factor as a long csv; return the first test day."""
    rng = np.random.default_rng(17)
    moves = 0.012 * rng.standard_normal((days, tickers)) + 0.01 * rng.standard_normal((days, 1))
    close = 60 * np.exp(np.cumsum(moves - moves.mean(axis=0), axis=0))
    opening = close * np.exp(0.004 * rng.standard_normal(close.shape))
    above, below = np.exp(0.006 * np.abs(rng.standard_normal((2, *close.shape))))
    dates = pd.bdate_range("2000-01-03", periods=days)
    prices = {
        "open": opening,
        "high": np.maximum(opening, close) * above,
        "low": np.minimum(opening, close) / below,
        "close": close,
    }
    columns: dict[str, Any] = {
        "date": np.repeat(dates.strftime("%Y-%m-%d"), tickers),
        "ticker": np.tile([f"T{number:03}" for number in range(tickers)], days),
        **{name: values.ravel().round(2) for name, values in prices.items()},
        "volume": rng.integers(1_000_000, 1_000_000_000, tickers * days),
    }
    pd.DataFrame(columns).to_csv(path, index=False)
    return f"{dates[-TEST_DAYS * days // DAYS]:%Y-%m-%d}"


def checkout(before: str, parent: Path) -> Path:
    """Return a folder with the code of before."""
    if Path(before).is_dir():
        return Path(before).resolve()
    folder = parent / "checkout"
    folder.mkdir(exist_ok=True)
    archive = subprocess.run(["git", "archive", before], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def measure(code: Path, prices: Path, folder: Path, test_start: str) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each job and what it takes with a checkout's code, from the csv to the backtest.

    Figures that stand in the folder are taken from there where they are of the same code and prices.
    """
    known, key = folder / "figures.json", digest(prices, *sorted((code / "workflow_scripts").rglob("*.py")))
    measured: dict[str, Any] = json.loads(known.read_text(encoding="utf-8")) if known.exists() else {}
    if measured.get("key") != key:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        measured = {"key": key}
    bars, sealed, features = folder / "bars.parquet", folder / "sealed.npz", folder / "features.npz"
    folds = [folder / f"fold_{number}.npz" for number in range(3)]
    tables = [folder / f"baselines_{number}.parquet" for number in range(3)]
    (folder / "config.yaml").write_bytes(run(code, ["-c", TRIAL])[0])
    once = (code / "workflow_scripts/data/compute_features.py").exists()
    days = [f"--test-start={test_start}", f"--turbulence-days={TURBULENCE_DAYS}"]
    whole = [f"--bars={bars}", *days, f"--purge-days={PURGE_DAYS}"]
    market = f"--market={json.dumps({'source': 'csv', 'path': str(prices)})}"
    made = ["policy.pt", "sharpe.json", "returns.parquet", *(["weights.parquet", "curves.parquet"] if once else [])]
    run_flags = [f"--{name.partition('.')[0]}={folder / name}" for name in made]
    jobs: dict[str, tuple[str, Path, list[str]]] = {
        "download_bars": ("data.download_bars", prices, [market, f"--bars={bars}", f"--lock={folder}/lock.json"]),
    }
    if once:
        wanted = [f"--features={features}", f"--sealed={sealed}"]
        jobs["compute_features"] = ("data.compute_features", bars, [*whole, *wanted])
    read = [f"--features={features}"] if once else [f"--bars={bars}", *days]
    tested = [f"--sealed={sealed}"] if once else whole
    oracle = [] if once else [f"--bars={bars}"]
    jobs |= {
        "split_folds": ("data.split_folds", features, [*read, f"--folds={folder}", *FOLDS]),
        "evaluate_baselines": (
            "training.evaluate_baselines",
            folds[0],
            [*listed("folds", folds), *oracle, f"--baselines={folder}/baselines.json", *listed("returns", tables)],
        ),
        "backtest_baselines": ("training.backtest_baselines", sealed, [*tested, f"--folder={folder}"]),
        "backtest_incumbent": (
            "training.backtest_incumbent",
            sealed,
            [f"--config={folder}/config.yaml", *tested, "--seed=0", *run_flags, "--training.device=cpu"],
        ),
    }
    for job, (module, read_first, flags) in jobs.items():
        if job not in measured:
            command = ["-m", f"workflow_scripts.{module}", *flags]
            if job == "evaluate_baselines" or (once and job == "backtest_incumbent"):
                run(code, command)  # the first job of a kind compiles its kernels, for all that follow
            if job == "backtest_incumbent":
                seconds, megabytes = run_warm(code, command, folder / "usage")
            else:
                _, seconds, megabytes = run(code, command)
            asked = request_mb(job, sum(path.stat().st_size for path in [read_first] if path.exists()) / 2**20)
            measured[job] = {"cpu_s": round(seconds, 1), "mb": round(megabytes), "request_mb": asked}
            known.write_text(json.dumps(measured), encoding="utf-8")
        yield job, measured[job]


def digest(*paths: Path) -> str:
    """Return a digest of what stands in files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def listed(flag: str, paths: list[Path]) -> list[str]:
    """Return a flag that takes several paths."""
    return [f"--{flag}", *map(str, paths)]


def run_warm(code: Path, command: list[str], usage: Path) -> tuple[float, float]:
    """Run a verb from a warm worker, as Snakemake starts a run; return its CPU seconds and its largest memory in MB."""
    warm = ["-I", "-S", "workflow_scripts/workflow/run_warm.py", *command[1:], f"--usage={usage}"]
    _, seconds, _ = run(code, warm)
    _, megabytes, own = map(float, usage.read_text(encoding="utf-8").splitlines()[1].split())
    return seconds + own, megabytes


def run(code: Path, arguments: list[str]) -> tuple[bytes, float, float]:
    """Run Python in a checkout as Snakemake does; return what it said, its CPU seconds and its largest memory in MB."""
    of_job = environment(OPENBLAS_NUM_THREADS="1", FOLDSWEEP_PARENT=str(os.getpid()))
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as log:
        process = subprocess.Popen([sys.executable, *arguments], cwd=code, env=of_job, stdout=said, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        if process.returncode:
            log.seek(0)
            raise RuntimeError(f"{' '.join(arguments)[:200]}: {log.read().decode()[-2000:]}")
        return said.read(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    tyro.cli(main)
