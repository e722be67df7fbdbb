"""The profile slurm/ on a real SLURM: the same bytes as on a desk, a GPU a training, and the ends that design has for a
job that the cluster breaks."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from tests.cluster.conftest import small_toy
from tests.waiting import PATIENCE, wait_for
from tests.workflow.toy import ROOT, Toy

pytestmark = pytest.mark.slurm

SWEEP = "results/sweeps/ppo_smac"
BACKTEST = f"{SWEEP}/backtest/default/seed_10"
QUICKLY = ("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "10")


def on_cluster(toy):
    """Give a toy the profile, less the one line that a site without accounting deletes."""
    shutil.copytree(ROOT / "slurm", toy.folder / "slurm")
    profile = toy.folder / "slurm/config.yaml"
    lines = profile.read_text().splitlines(keepends=True)
    profile.write_text("".join(line for line in lines if "slurm_account:" not in line))
    return toy


@pytest.fixture
def unfinished(local, tmp_path):
    """A finished sweep that lacks one training, which the cluster is to make."""
    toy = on_cluster(Toy(shutil.copytree(local.folder, tmp_path / "toy")))
    shutil.rmtree(toy.folder / BACKTEST)
    return toy


@pytest.fixture
def snakemake(cluster):
    """Start Snakemake with the profile; what it says goes to a file. It and its jobs end with the test."""
    started = []

    def start(toy, *arguments):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "VERBOSE": "1"}
        command = [sys.executable, "-m", "snakemake", "--profile", "slurm", *QUICKLY, *arguments]
        with (toy.folder / "said").open("w") as said:
            started.append(subprocess.Popen(command, cwd=toy.folder, env=environment, stdout=said, stderr=said))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    cluster.cancel()


def said(toy):
    return (toy.folder / "said").read_text()


def text(log):
    """What a log says so far; nothing where Snakemake has just removed it for the next attempt."""
    try:
        return log.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def await_(condition, toy):
    return wait_for(condition, lambda: said(toy)[-3000:])


def finish(toy, process, local):
    assert process.wait(timeout=900) == 0, said(toy)[-3000:]
    assert toy.bytes_of_results() == local.bytes_of_results()
    assert "Nothing to be done" in toy.snakemake("-n").stdout


@contextmanager
def endless(toy):
    """The training that the toy lacks goes on until somebody ends it; one that starts later is as it was."""
    config = toy.folder / SWEEP / "backtest/default/config.yaml"
    as_it_was, times = config.read_text(), config.stat()

    def write(content):
        config.write_text(content)
        os.utime(config, ns=(times.st_atime_ns, times.st_mtime_ns))

    write(re.sub(r"budget: \d+", "budget: 1000000000", as_it_was))
    yield
    write(as_it_was)


def training(cluster, toy):
    """The number of the SLURM job whose training has begun to write its log."""
    log = toy.folder / BACKTEST / "backtest_incumbent.log"
    running = cluster.say("squeue", "-h", "-t", "running", "-o", "%i").split()
    return running and "on the test days" in text(log) and running[0]


def test_a_sweep_through_sbatch_equals_the_local_one_and_each_training_holds_a_gpu_of_its_own(
    cluster, local, snakemake, tmp_path
):
    toy = on_cluster(small_toy(tmp_path))
    finish(toy, snakemake(toy), local)
    submitted = re.findall(r"has been submitted with SLURM jobid (\d+)", said(toy))
    held = held_by_jobs(cluster, submitted)
    # Features, folds, the baselines' two jobs, importance, verdict and other fees; 2 trials, an allocation each, and 6
    # backtests.
    assert (len(held["none"]), len(held["0"]) + len(held["1"])) == (7, 2 + 6)
    assert len(submitted) == 7 + 2 + 6
    for gpu in ("0", "1"):
        intervals = sorted(held[gpu])
        assert len(intervals) >= 2
        assert all(end <= start for (_, end), (start, _) in pairwise(intervals))


def held_by_jobs(cluster, jobs):
    """When which GPU was held: (start, end) of each job by what it held, as SLURM's hooks wrote it down."""
    started, held = {}, defaultdict(list)
    for line in (cluster.folder / "held").read_text().splitlines():
        event, moment, job, gpus = line.split()
        if event == "prolog":
            started[job] = float(moment), gpus
        elif job in jobs:
            start, gpus = started[job]
            held[gpus].append((start, float(moment)))
    return held


def test_a_run_that_is_cancelled_is_no_result_and_is_submitted_again(cluster, local, snakemake, unfinished):
    with endless(unfinished):
        process = snakemake(unfinished)
        job = await_(lambda: training(cluster, unfinished), unfinished)
    cluster.say("scancel", job)
    finish(unfinished, process, local)
    assert f"SLURM-job '{job}' failed, SLURM status is: 'CANCELLED'" in said(unfinished)
    assert len(re.findall(r"submitted with SLURM jobid \d+ \(log: \S*/rule_backtest_incumbent/", said(unfinished))) == 2


@pytest.mark.slow
def test_a_node_that_dies_takes_no_result_with_it_and_the_run_is_queued_again(cluster, local, snakemake, unfinished):
    with endless(unfinished):
        process = snakemake(unfinished)
        job = await_(lambda: training(cluster, unfinished), unfinished)
    cluster.kill_daemon("slurmd")
    for pid in cluster.say("pgrep", "-f", rf"slurmstepd: \[{job}\.").split():
        step = psutil.Process(int(pid))
        for each in (step, *step.children(recursive=True)):
            each.kill()
    await_(lambda: cluster.node_state().startswith("down"), unfinished)
    cluster.start_daemon("slurmd", "-D")
    finish(unfinished, process, local)
    assert "Restarts=1" in cluster.say("scontrol", "show", "job", job)


@pytest.mark.slow
def test_a_run_past_its_time_limit_is_no_result_and_goes_on_from_its_checkpoint_with_more_time(
    cluster, snakemake, unfinished
):
    """A training without an end gets one minute, and then two; Snakemake is stopped before those are over."""
    profile = unfinished.folder / "slurm/config.yaml"
    profile.write_text(profile.read_text().replace("runtime: 60 * attempt", "runtime: 1 * attempt"))
    with endless(unfinished):
        process = snakemake(unfinished, f"{BACKTEST}/sharpe.json")
        log = unfinished.folder / BACKTEST / "backtest_incumbent.log"
        job = await_(lambda: training(cluster, unfinished), unfinished)
        stopped = re.compile(r"stopped after (\d+) vector steps; the next start goes on from there")
        steps = await_(lambda: stopped.search(text(log)), unfinished)[1]
        await_(lambda: f"resumed after {steps} vector steps" in text(log), unfinished)
        assert f"SLURM-job '{job}' failed, SLURM status is: 'TIMEOUT'" in said(unfinished)
        assert cluster.say("squeue", "-h", "-t", "running", "-o", "%l").split() == ["2:00"]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE) != 0
        await_(lambda: not cluster.say("squeue", "-h", "-o", "%i").split(), unfinished)
    assert not (unfinished.folder / BACKTEST / "sharpe.json").exists()
