"""Killed anywhere, a sweep resumes to the bytes of one that was never disturbed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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


def disturb(toy, kills, seed, longest):
    rng = random.Random(seed)
    struck = 0
    for number in range(kills):
        process = start(toy)
        time.sleep(rng.uniform(2.0, longest))
        if process.poll() is not None:
            return struck
        kill(process, KINDS[number % len(KINDS)])
        struck += 1
        if process.poll() is None:  # a run was killed: it is tried again, and then Snakemake itself is struck
            time.sleep(rng.uniform(0.5, 2.0))
            kill(process, "group")
        await_end_of_orphans(toy)
        resume(toy)
    return struck


def await_end_of_orphans(toy):
    """A job whose Snakemake is gone ends at once, or as soon as it has read its imports; it writes nothing."""
    for _ in range(60):
        if not orphans(toy):
            return
        time.sleep(0.5)
    raise AssertionError(f"these outlive their Snakemake: {orphans(toy)}")


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
    assert disturb(toy, kills=3, seed=0, longest=14) == 3
    finish(toy, finished)


@pytest.mark.slow
def test_twenty_kills_change_no_byte(finished, toy):
    struck, seed = 0, 1
    while struck < 20:
        struck += disturb(toy, kills=20 - struck, seed=seed, longest=9)
        seed += 1
        if struck < 20:  # the sweep came to its end before the last kill: begin anew
            shutil.rmtree(toy.folder / "results")
            shutil.rmtree(toy.folder / ".snakemake")
    finish(toy, finished)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SIGNALS)
def test_a_snakemake_that_is_asked_to_stop_goes_on_with_the_plain_command(finished, toy, kind):
    process = start(toy)
    await_runs(toy, 4)  # of which the last two may not have ended yet: Snakemake removes what those wrote
    os.killpg(process.pid, SIGNALS[kind])
    process.wait(timeout=60)
    await_end_of_orphans(toy)
    assert 2 <= len(runs(toy)) < 16
    finish(toy, finished)


def runs(toy):
    return list((toy.folder / "results/sweeps").glob("*/round_*/trial_*/fold_*/seed_*/sharpe.json"))


def await_runs(toy, count):
    for _ in range(600):
        if len(runs(toy)) >= count:
            return
        time.sleep(0.1)
    raise AssertionError(f"no {count} runs within a minute")


def test_two_folders_work_on_one_market_at_once(finished, tmp_path):
    """They share nothing but the prices."""
    toys = [Toy(folder) for name in ("a", "b") if not (folder := tmp_path / name).mkdir()]
    for toy in toys:
        toy.config["markets"]["toy"]["path"] = str(tmp_path / "a" / "prices.csv")
        toy.write_config()
    processes = [start(toy, "results/markets/toy/baselines.json") for toy in toys]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
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
        for _ in range(100):
            if list((toy.folder / ".snakemake" / "locks").glob("*")):
                break
            time.sleep(0.1)
        second = toy.snakemake()
        assert second.returncode != 0
        assert "Directory cannot be locked" in second.stdout
    finally:
        kill(first, "group")
