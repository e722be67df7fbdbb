import os
import signal
import subprocess
import sys

import pytest

from tests.waiting import wait_for
from workflow_scripts.workflow.flags import wrong_flags
from workflow_scripts.workflow.usage import read_usage

BURN = """
import sys, time
from pathlib import Path
from workflow_scripts.workflow.jobs import start_job
start_job("burn", Path(sys.argv[1]))
block = b"x" * (100 * 2**20)
while time.process_time() < 0.5:
    pass
time.sleep(0.3)
sys.exit("the end of a failed job is an end too")
"""


def test_a_job_reports_the_seconds_and_the_memory_that_it_took(tmp_path):
    path = tmp_path / "usage.tsv"
    done = subprocess.run([sys.executable, "-c", BURN, path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    usage = read_usage(path)
    assert 0.5 <= usage["cpu_time"] < 0.7
    assert usage["s"] >= usage["cpu_time"] + 0.3 - 0.05
    assert 100 < usage["max_rss"] < 150


def test_help_names_a_verb_as_one_types_it(request):
    typed = ["-m", "workflow_scripts.analysis.summarise_results"]
    for flags in (["--help"], []):
        done = subprocess.run(
            [sys.executable, *typed, *flags], cwd=request.config.rootpath, capture_output=True, text=True, check=False
        )
        assert f"python {' '.join(typed)}" in done.stdout + done.stderr
        assert str(request.config.rootpath) not in done.stdout + done.stderr


SAY = """
from workflow_scripts.workflow.jobs import command_line

def say() -> None:
    print("1.5 \\u00b1 0.5 \\u00d7 2")

command_line(say)
"""


def test_what_a_terminal_does_not_know_is_a_question_mark_and_no_error(request):
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", SAY],
        env=os.environ | plain | {"PYTHONPATH": str(request.config.rootpath)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "1.5 ? 0.5 ? 2\n"), done.stderr


def test_every_verb_has_its_command_line_from_here(request):
    """A warm worker reads a command line that is no verb's, for what that loads."""
    for path in (request.config.rootpath / "workflow_scripts").rglob("*.py"):
        assert path.name in ("jobs.py", "serve_warm.py") or "tyro.cli(" not in path.read_text(encoding="utf-8"), path


ATTEMPT = """
import os, sys, time
from workflow_scripts.workflow.jobs import kept_log, start_job
log = start_job("try")
with kept_log(int(sys.argv[1])):
    log.info(f"attempt {sys.argv[1]}")
    if sys.argv[2] == "raise":
        raise ValueError("no good")
    if sys.argv[2] == "exit":
        sys.exit(143)
    if sys.argv[2] == "wait":
        time.sleep(60)
"""


@pytest.fixture
def attempt(tmp_path, request):
    """Start an attempt as Snakemake does: its log is removed before it."""

    def start(number, end):
        log = tmp_path / "verb.log"
        log.unlink(missing_ok=True)
        with log.open("w", encoding="utf-8") as file:
            command = [sys.executable, "-c", ATTEMPT, str(number), end]
            return subprocess.Popen(command, cwd=request.config.rootpath, stdout=file, stderr=file)

    return start


@pytest.mark.parametrize("end", ["raise", "exit"])
def test_the_log_of_a_failed_attempt_stays_when_it_is_tried_again(attempt, tmp_path, end):
    assert attempt(1, end).wait() != 0
    assert attempt(2, "succeed").wait() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["verb.attempt_1.log", "verb.log"]
    assert "INFO attempt 1" in (tmp_path / "verb.attempt_1.log").read_text()
    if end == "raise":
        assert "ValueError: no good" in (tmp_path / "verb.attempt_1.log").read_text()
    assert "INFO attempt 2" in (tmp_path / "verb.log").read_text()
    assert attempt(1, "succeed").wait() == 0  # started anew another day
    assert [path.name for path in tmp_path.iterdir()] == ["verb.log"]


def test_the_log_of_an_attempt_that_was_killed_stays(attempt, tmp_path):
    process = attempt(1, "wait")
    wait_for(lambda: "INFO attempt 1" in (tmp_path / "verb.log").read_text())
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert attempt(2, "succeed").wait() == 0
    assert "INFO attempt 1" in (tmp_path / "verb.attempt_1.log").read_text()


def test_a_flag_that_there_is_not_is_named_with_its_neighbour():
    page = "usage: x --config PATH [--training.num-envs INT] --no-last-attempt\n a - - dash--es"
    assert wrong_flags(["--config", "a", "--training.num_envs=2", "--", "-1"], page) == []
    assert wrong_flags(["--confg=a", "--sed", "1", "--confg"], page) == [
        "--confg: unknown flag; did you mean --config?",
        "--sed: unknown flag",
    ]


def test_a_wrong_flag_is_named_before_what_is_missing(request):
    command = [sys.executable, "-m", "workflow_scripts.sweeps.restore_trials", "--manifst", "x", "--trials", "1"]
    done = subprocess.run(command, cwd=request.config.rootpath, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "--manifst: unknown flag; did you mean --manifest?"
    assert "Missing" in done.stderr
