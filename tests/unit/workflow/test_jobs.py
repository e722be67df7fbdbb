import subprocess
import sys

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
    head, row = (line.split("\t") for line in path.read_text().splitlines())
    usage = dict(zip(head, map(float, row), strict=True))
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


def test_every_verb_has_its_command_line_from_here(request):
    for path in (request.config.rootpath / "workflow_scripts").rglob("*.py"):
        assert path.name == "jobs.py" or "tyro.cli(" not in path.read_text(encoding="utf-8"), path
