import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tyro

from tests.waiting import PATIENCE
from workflow_scripts.data.settings import FoldSettings
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.workflow.flags import flags
from workflow_scripts.workflow.start import gpus_of_a_run, shell_prefix, why_no_gpu


def test_flags_are_quoted_and_in_a_fixed_order():
    assert flags(b={"y_z": 1, "x": "a b"}, a={"none": None, "k": 0.5}) == "--a.k 0.5 --b.x 'a b' --b.y-z 1"


@pytest.mark.parametrize("expanding", [True, False])
def test_folds_in_fractions_come_back_from_their_flags(expanding):
    fractions = {"n_folds": 4, "train_ratio": 0.5, "expanding": expanding, "gap_days": 10}
    words = shlex.split(flags(settings=FoldSettings.of(fractions).of_form()))
    settings = tyro.cli(FoldSettings, args=[word.replace("settings.", "") for word in words])
    assert settings == FoldSettings.of(fractions)


def test_a_list_is_one_flag_with_several_words():
    assert flags(market={"tickers": ["KO", "BRK B"], "end": None}) == "--market.tickers KO 'BRK B'"


def test_a_run_on_the_cpu_asks_for_no_gpu():
    assert gpus_of_a_run("cpu", {}) == 0
    assert gpus_of_a_run("cuda", {}) == 1


@pytest.mark.parametrize(("environment", "gpus"), [({}, 1), ({"CUDA_VISIBLE_DEVICES": ""}, 0)])
def test_auto_asks_for_a_gpu_where_the_planning_machine_shows_one(monkeypatch, environment, gpus):
    monkeypatch.setattr(Path, "exists", lambda path: str(path) == "/dev/nvidiactl")
    assert gpus_of_a_run("auto", environment) == gpus


@pytest.mark.parametrize(
    ("device", "num_envs", "named", "gpu", "wanted", "reason"),
    [
        ("auto", 256, None, True, "auto", None),
        (
            "auto",
            255,
            None,
            True,
            "cpu",
            "runs of 255 portfolios train faster on cores .* training.num_envs 256 or more",
        ),
        ("auto", 255, "0", True, "auto", None),
        ("auto", 255, "", True, "cpu", "this machine shows no GPU"),
        ("auto", 256, None, False, "auto", "this machine shows no GPU"),
        ("auto", 16, None, False, "cpu", "this machine shows no GPU"),
        ("cuda", 16, None, True, "cuda", None),
        ("cpu", 512, "0", False, "cpu", None),
    ],
)
def test_auto_is_a_cpu_for_few_portfolios_and_the_screen_says_why(
    monkeypatch, device, num_envs, named, gpu, wanted, reason
):
    monkeypatch.setattr(Path, "exists", lambda path: gpu and str(path) == "/dev/nvidiactl")
    training = TrainingSettings(device=device, num_envs=num_envs)
    assert training.model_copy(update={"together": 2}).wanted_device({}) == device
    environment = {} if named is None else {"CUDA_VISIBLE_DEVICES": named}
    assert training.wanted_device(environment) == wanted
    said = why_no_gpu(training, environment)
    assert said is None if reason is None else re.search(reason, said)


@pytest.mark.parametrize(("warm", "start"), [(True, "python -I -S"), (False, "python -m")])
def test_a_job_knows_the_code_wherever_it_lies_and_runs_start_warm_where_they_may(warm, start):
    prefix = shell_prefix(Path("/ein Übungs ordner"), warm)
    assert "PYTHONPATH='/ein Übungs ordner'${PYTHONPATH:+:$PYTHONPATH}" in prefix
    assert f"start() {{ exec {start}" in prefix


STOP = """
import os, signal, sys, threading
from snakemake.scheduling.job_scheduler import JobScheduler
from workflow_scripts.workflow.start import in_a_thread_of_its_own
JobScheduler.exit_gracefully = in_a_thread_of_its_own(JobScheduler.exit_gracefully)
scheduler = object.__new__(JobScheduler)
scheduler._lock, scheduler._open_jobs, scheduler._user_kill = threading.Lock(), threading.Semaphore(0), None
signal.signal(signal.SIGTERM, scheduler.exit_gracefully)
for held in (scheduler._lock, scheduler._open_jobs._cond):
    with held:
        os.kill(os.getpid(), signal.SIGTERM)
    assert scheduler._open_jobs.acquire(timeout=100)
print(scheduler._user_kill)
"""


def test_a_stop_while_snakemakes_own_thread_holds_the_lock_is_answered(request):
    """Its handler takes the lock of the scheduler, which is not reentrant, in the thread that may hold it."""
    done = subprocess.run(
        [sys.executable, "-c", STOP],
        cwd=request.config.rootpath,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stdout == "graceful\n", done.stderr


LOOKS = """
import threading

from snakemake.scheduling.job_scheduler import JobScheduler
from workflow_scripts.workflow.start import look_again_where_jobs_wait

JobScheduler._schedule_reevalutation = look_again_where_jobs_wait
select = JobScheduler.job_selector


def counted(scheduler, jobs):
    with open("due", "a") as due:
        print(sum(isinstance(each, threading.Timer) for each in threading.enumerate()), file=due)
    return select(scheduler, jobs)


JobScheduler.job_selector = counted


rule all:
    input:
        expand("{number}.txt", number=range(40)),


rule one:
    output:
        "{number}.txt",
    shell:
        "sleep 0.2; touch {output}"
"""


@pytest.mark.parametrize("limit", ["100/1s", "8/1s"])
def test_snakemake_looks_at_what_is_ready_when_a_job_ends_and_not_ever_more_often(request, tmp_path, limit):
    """Without the mend one more look is due with every job that ends: 38 in the end."""
    (tmp_path / "Snakefile").write_text(LOOKS, encoding="utf-8")
    snakemake = [sys.executable, "-m", "snakemake", "--cores", "2", "--scheduler", "greedy", "--quiet", "all"]
    done = subprocess.run(
        [*snakemake, "--max-jobs-per-timespan", limit],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(request.config.rootpath)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("*.txt"))) == 40
    due = [int(line) for line in (tmp_path / "due").read_text(encoding="utf-8").split()]
    assert max(due) <= 2  # one that ends may still be counted


SPELLED = """
import os

from snakemake.jobs import Job
from snakemake_logger_plugin_foldsweep.screen import Screen
from workflow_scripts.workflow.start import in_brief

Job.log_info = in_brief(Job.log_info)
spell = Job.shellcmd.fget


def counted(job):
    with open("spelled", "a") as spelled:
        spelled.write("x")
    return spell(job)


Job.shellcmd = property(counted)
if "BROKEN" in os.environ:
    Screen._job_started = lambda screen, record: screen.nothing


rule all:
    input:
        "0.txt",


rule one:
    output:
        "{number}.txt",
    shell:
        "echo made > {output}"
"""
OURS = ["--logger", "foldsweep"]


@pytest.mark.parametrize(
    ("flags", "environment", "spelled", "said"),
    [
        (["-n", *OURS], {}, False, "2 jobs would run"),
        (["-n", *OURS, "-p"], {}, True, "echo made > 0.txt"),
        (["-n", *OURS], {"VERBOSE": "1"}, True, "output: 0.txt"),
        (["-n"], {}, True, "output: 0.txt"),
        (["-n", *OURS], {"BROKEN": "1"}, None, "what follows is Snakemake's own\\n\\n.*\\nrule one:\\n    jobid: 1"),
        (["--cores", "1", *OURS], {}, True, "done: 2 jobs"),
    ],
)
def test_a_dry_run_spells_files_and_command_only_for_who_reads_them(
    request, tmp_path, flags, environment, spelled, said
):
    (tmp_path / "Snakefile").write_text(SPELLED, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *flags],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(request.config.rootpath), "VERBOSE": ""} | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if spelled is not None:  # the screen breaks at some time before the second job
        assert (tmp_path / "spelled").exists() == spelled
    assert re.search(said, done.stdout + done.stderr), done.stdout + done.stderr
