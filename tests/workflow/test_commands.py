"""The commands of README and docs: each is run on a finished toy, or says here why it cannot be."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.test_docs import PAGES, fences
from tests.workflow.toy import ROOT

# In the order in which they run: what the screen says of each, or the file that it leaves; "no: " before a refusal.
RUN = {
    "snakemake --cores 8 --resources gpu=1": "Nothing to be done",
    "make run": "report: results/report.html",
    "make watch": "all trainings have ended",
    "make watch RESULTS=/shared/mine/results": "all trainings have ended",
    "make watch ONCE=1": "all trainings have ended",
    "make watch HTML=1": "all trainings have ended",
    ".venv/bin/python -m workflow_scripts.analysis.check_verdict results": "ppo_smac",
    "make explain": "Nothing to be done",
    "make plan": "Sharpe ratio",
    "python -m workflow_scripts.analysis.export_results optuna --sweeps ppo_smac": "results/exports/optuna.db",
    "make orders": "no: whose skill was not shown",
    "make orders HOLDINGS=holdings.csv": "no: whose skill was not shown",
    "make orders SWEEP=ppo_smac ANYWAY=1": "results/sweeps/ppo_smac/orders.csv",
    "snakemake --cores 2 --configfile config.leaderboard.yaml": "Nothing to be done",
    "snakemake --configfile mine.yaml --cores 8": "Nothing to be done",
    "snakemake -s ~/foldsweep/Snakefile --directory mine --cores 8": "Nothing to be done",
    "snakemake --cores 128 --resources gpu=128": "Nothing to be done",
    "snakemake --config refresh=true --cores 8": "Nothing to be done",
    "python -m workflow_scripts.training.train_agent --config results/sweeps/ppo_smac/round_0/trial_0/config.yaml "
    "--fold results/markets/sp500_sample/folds/fold_0.npz --seed 7 --policy mine/policy.pt --sharpe mine/sharpe.json "
    "--returns mine/returns.parquet --weights mine/weights.parquet --curves mine/curves.parquet": "mine/curves.parquet",
}
SLURM = "needs SLURM: tests/cluster runs the profile on one"
ALPACA = "needs an account at Alpaca: tests/unit/analysis/test_paper_trade.py talks to a stand-in of its server"
NETWORK = "fetches packages that are not pinned"
NOT_RUN = {
    "make test": "runs this test: .ci/run",
    "make setup": "fetches 2 GB: .ci/run begins with it",
    "make setup && source .venv/bin/activate": "fetches 2 GB: .ci/run begins with it",
    "source .venv/bin/activate": "changes the shell that it is typed in, and nothing else",
    "pip install pre-commit && pre-commit install": f"{NETWORK}, and changes the checkout's git",
    "make controls": "takes minutes: tests/workflow/test_controls.py runs it as snakemake controls",
    "make diff MARKET=dow": "asks a vendor: tests/workflow/test_vendors.py makes it from a stand-in of its server",
    "python3.10 -m venv deepcave && deepcave/bin/python -m pip install deepcave": NETWORK,
    "export APCA_API_KEY_ID=… APCA_API_SECRET_KEY=…": ALPACA,
    "python -m workflow_scripts.analysis.paper_trade --holdings holdings.csv": ALPACA,
    "python -m workflow_scripts.analysis.paper_trade --orders results/sweeps/ppo_smac/orders.csv --send": ALPACA,
    "snakemake --profile slurm": SLURM,
    "make slurm-allocation GPUS=8 "
    'ALLOCATION="--partition h200 --gpus h200:1 --cpus-per-task 8 --mem 32G --time 240"': SLURM,
    "pip install snakemake-executor-plugin-kubernetes==0.5.1 snakemake-storage-plugin-s3==0.3.6": NETWORK,
    "export SNAKEMAKE_STORAGE_S3_ACCESS_KEY=… SNAKEMAKE_STORAGE_S3_SECRET_KEY=…": "needs a bucket",
    "snakemake --profile kubernetes": "needs a Kubernetes and a bucket",
}


def commands(page):
    """Return the commands of a page's blocks, a line each, without their comments."""
    text = "\n".join(fences(Path(page).read_text(encoding="utf-8"), "sh")).replace("\\\n", " ")
    lines = [re.sub(r"\s+#.*", "", line) for line in text.splitlines()]
    return [" ".join(line.split()) for line in lines if line.strip()]


def test_every_command_of_a_page_is_run_or_says_why_it_cannot_be():
    typed = {command: page for page in PAGES for command in commands(ROOT / page)}
    assert {command: page for command, page in typed.items() if command not in {**RUN, **NOT_RUN}} == {}
    assert {*RUN, *NOT_RUN} - typed.keys() == set()
    assert RUN.keys() & NOT_RUN.keys() == set()


@pytest.fixture(scope="module")
def folder(finished, tmp_path_factory):
    """A copy of the finished toy with all that the commands name, its market called as the shipped one."""
    toy = finished.copy(tmp_path_factory.mktemp("commands"))
    for name in ("Makefile", "requirements.txt", "requirements-no-deps.txt"):
        shutil.copy2(ROOT / name, toy.folder / name)
    os.utime(toy.folder / "requirements.txt", (0, 0))  # older than the environment, which is not to be made anew
    os.utime(toy.folder / "requirements-no-deps.txt", (0, 0))
    (toy.folder / ".venv").symlink_to(ROOT / ".venv")
    (toy.folder / "foldsweep").symlink_to(ROOT)
    finished.copy(toy.folder / "mine")
    for name in ("config.leaderboard.yaml", "mine.yaml"):
        shutil.copy(toy.folder / "config.yaml", toy.folder / name)
    (toy.folder / "holdings.csv").write_text("ticker,shares\nS2,1000\ncash,50000\n", encoding="utf-8")
    return toy.folder


@pytest.mark.slow
@pytest.mark.parametrize("command", RUN)
def test_a_command_does_on_a_toy_what_its_page_says(command, folder):
    own = command.replace("/shared/mine/", f"{folder}/mine/").replace("sp500_sample", "toy")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        own,
        shell=True,
        cwd=folder,
        env=os.environ | {"PATH": path, "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        check=False,
    )
    expected = RUN[command]
    assert (done.returncode != 0) == expected.startswith("no: "), done.stdout[-3000:]
    if expected.startswith(("results/", "mine/")):
        assert (folder / expected).stat().st_size > 0
    else:
        assert expected.removeprefix("no: ") in done.stdout


RESUME = [sys.executable, "-m", "workflow_scripts.workflow.refuse_to_unlock"]


@pytest.mark.parametrize(("program", "lives"), [("snakemake", True), ("follow", False)])
def test_resume_leaves_the_lock_to_a_snakemake_that_lives(tmp_path, program, lives):
    """Not to whoever reads a log of Snakemake's."""
    (tmp_path / program).write_text("import time; print(flush=True); time.sleep(60)", encoding="utf-8")
    waits = [sys.executable, tmp_path / program, ".snakemake/log/2026.snakemake.log"]
    with subprocess.Popen(waits, cwd=tmp_path, stdout=subprocess.PIPE) as alive:
        alive.stdout.readline()
        asked = subprocess.run([*RESUME, "--folder", tmp_path], cwd=ROOT, capture_output=True, text=True)
        alive.kill()
    said = (
        f"resume: process {alive.pid} is a Snakemake that still works in this folder: wait for it, or stop it first\n"
    )
    assert (asked.returncode, asked.stderr) == ((1, said) if lives else (0, ""))


def test_resume_leaves_a_lock_of_another_machine_and_a_run_says_which_machine_it_is(finished, tmp_path):
    machine = finished.folder / ".snakemake/machine"
    assert machine.read_text(encoding="utf-8").strip() == socket.gethostname()
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/machine").write_text("node17\n", encoding="utf-8")
    ask = [*RESUME, "--folder", tmp_path]
    assert subprocess.run(ask, cwd=ROOT, check=False).returncode == 0  # nothing is locked
    (tmp_path / ".snakemake/locks/0.input.lock").touch()
    asked = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True, check=False)
    assert asked.returncode == 1
    assert asked.stderr.startswith("resume: this folder's Snakemake began on node17, and this is ")
