"""Killed anywhere, a sweep resumes to the bytes of one that was never disturbed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.waiting import PATIENCE, wait_for
from tests.workflow.toy import Toy

KINDS = ("snakemake", "run", "group")
SIGNALS = {"ctrl_c": signal.SIGINT, "terminate": signal.SIGTERM, "hang_up": signal.SIGHUP}


def start(toy, *targets):
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", *targets],
        cwd=toy.folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def children(pid):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def kill(process, kind):
    if kind == "group":
        os.killpg(process.pid, signal.SIGKILL)
    elif kind == "snakemake":
        process.kill()
    else:
        for pid in children(process.pid)[:1]:
            os.kill(pid, signal.SIGKILL)
    if kind != "run":
        process.wait()


def resume(toy):
    """What `make resume` does first."""
    toy.snakemake("--unlock")


def disturb(toy, kills, seed, of):
    """Strike where a drawn share of the files that are still to come has been written."""
    rng = random.Random(seed)
    for number in range(kills):
        process = start(toy)
        there = written(toy)
        strike_at = there + rng.uniform(0, 0.9 * (of - there)) / (kills - number)
        wait_for(lambda process=process, strike_at=strike_at: process.poll() is not None or written(toy) > strike_at)
        assert process.poll() is None, f"it ended before the kill at {strike_at} of {of} files"
        kill(process, KINDS[number % len(KINDS)])
        time.sleep(rng.uniform(0, 2))
        if process.poll() is None:  # a run was killed: it is tried again, and then Snakemake itself is struck
            kill(process, "group")
        await_end_of_orphans(toy)
        resume(toy)


def written(toy):
    return len(list((toy.folder / "results").rglob("*.*")))


def await_end_of_orphans(toy):
    """A job whose Snakemake is gone ends at once, or as soon as it has read its imports; it writes nothing."""
    wait_for(lambda: not orphans(toy), lambda: f"these outlive their Snakemake: {orphans(toy)}")


def orphans(toy):
    listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True)
    mine = [line for line in listed.stdout.splitlines() if "workflow_scripts." in line]
    return [line for line in mine if cwd(line) == toy.folder]


def cwd(line):
    try:
        return (Path("/proc") / line.split()[0] / "cwd").readlink()
    except OSError:
        return None


def finish(toy, finished):
    done = toy.snakemake()
    assert done.returncode == 0, done.stdout[-3000:]
    assert toy.bytes_of_results() == finished.bytes_of_results()
    assert "Nothing to be done" in toy.snakemake("-n").stdout


def test_one_kill_of_each_kind_changes_no_byte(finished, toy):
    disturb(toy, kills=3, seed=0, of=written(finished))
    finish(toy, finished)


@pytest.mark.slow
def test_twenty_kills_change_no_byte(finished, toy):
    disturb(toy, kills=20, seed=1, of=written(finished))
    finish(toy, finished)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SIGNALS)
def test_a_snakemake_that_is_asked_to_stop_goes_on_with_the_plain_command(finished, toy, kind):
    process = start(toy)
    wait_for(
        lambda: len(runs(toy)) >= 4
    )  # of which the last two may not have ended yet: Snakemake removes what those wrote
    os.killpg(process.pid, SIGNALS[kind])
    process.wait(timeout=PATIENCE)
    await_end_of_orphans(toy)
    assert 2 <= len(runs(toy)) < 16
    finish(toy, finished)


def runs(toy):
    return list((toy.folder / "results/sweeps").glob("*/round_*/trial_*/fold_*/seed_*/sharpe.json"))


def test_two_folders_work_on_one_market_at_once(finished, tmp_path):
    """They share nothing but the prices."""
    toys = [Toy(folder) for name in ("a", "b") if not (folder := tmp_path / name).mkdir()]
    for toy in toys:
        toy.config["markets"]["toy"]["path"] = str(tmp_path / "a" / "prices.csv")
        toy.write_config()
    processes = [start(toy, "results/markets/toy/baselines.json") for toy in toys]
    assert [process.wait(timeout=PATIENCE) for process in processes] == [0, 0]
    market = {
        path: content
        for path, content in finished.bytes_of_results().items()
        if path.endswith((".npz", "baselines.json"))
    }
    assert len(market) == 5  # features, sealed days, two folds, and the baselines
    for toy in toys:
        results = toy.bytes_of_results()
        assert {path: results[path] for path in market} == market


def test_a_second_snakemake_in_the_same_folder_is_refused(tmp_path):
    toy = Toy(tmp_path)
    first = start(toy)
    try:
        wait_for(lambda: list((toy.folder / ".snakemake" / "locks").glob("*")))
        second = toy.snakemake()
        assert second.returncode != 0
        assert "Directory cannot be locked" in second.stdout
    finally:
        kill(first, "group")
