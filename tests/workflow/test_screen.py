"""What a person sees of a run through a pipe."""

import re
import subprocess
import sys

from tests.workflow.toy import snakemake


def test_a_whole_sweep_is_at_most_sixty_lines_with_one_a_trial(finished):
    lines = (finished.folder / "screen.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 60
    places = [found[1] for line in lines if (found := re.match(r"[0-9:]{8}  ppo_smac  (\d/4 +\d +\d) ", line))]
    assert [place.split()[0] for place in places] == ["1/4", "2/4", "3/4", "4/4"]
    assert sorted(place.split()[1:] for place in places) == [["0", "0"], ["0", "1"], ["1", "0"], ["1", "1"]]
    assert lines[-2].startswith("done: ")
    assert lines[-1] == "the report, for a browser: results/report.html"
    assert "\x1b" not in "".join(lines)


def test_a_finished_tree_is_watched_once_with_all_that_is_done_and_the_verdict(finished):
    watch = [sys.executable, "-m", "workflow_scripts.analysis.watch_results", "--once"]
    done = subprocess.run(watch, cwd=finished.folder, capture_output=True, text=True, check=True)
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].partition(" ")[2].startswith("all trainings have ended; the last one ended at ")
    assert "ppo_smac ppo on toy, proposed by smac" in lines
    rows = [line.split()[:3] for line in lines if line.startswith(("0 ", "1 ", "backtest "))]
    runs = [row[1] if row[0] == "backtest" else row[2] for row in rows]
    assert [row[:2] for row in rows[:2]] == [["0", "2/2"], ["1", "2/2"]]
    assert all(run.split("/")[0] == run.split("/")[1] for run in runs)
    assert any(line.startswith("best so far: round ") for line in lines)
    assert any(line.startswith("verdict: ") for line in lines)


def test_a_failed_job_shows_its_reason_in_one_line_and_the_path_of_its_log(toy):
    toy.config["folds"]["count"] = 50
    toy.write_config()
    done = snakemake(toy.folder, "results/markets/toy/folds/fold_0.npz", VERBOSE="")
    assert done.returncode != 0
    lines = done.stdout.splitlines()
    place = next(
        number for number, line in enumerate(lines) if line.startswith("failed  split_folds toy: ValueError: ")
    )
    assert "need 1062 days, but the market has" in lines[place]
    assert lines[place + 1].strip() == "log: results/markets/toy/folds/split_folds.log"
    assert lines[-1].startswith("what is done is kept: the same command goes on from there")
    assert len(lines) <= 10


def test_a_mistake_in_the_configuration_is_all_that_is_said(toy):
    toy.config["foldz"] = {}
    toy.write_config()
    done = snakemake(toy.folder, VERBOSE="")
    assert done.returncode != 0
    assert done.stdout.splitlines()[1:] == ["error: config.yaml, foldz: unknown key; did you mean folds?"]


# What site.py runs last: the folder of the plugin leaves Python's path again.
WITHOUT_THE_PLUGIN = "import sys\nsys.path[:] = [path for path in sys.path if not path.endswith('/screen')]\n"


def test_without_the_plugin_snakemakes_own_screen_is_shown(toy):
    (toy.folder / "hidden").mkdir()
    (toy.folder / "hidden/sitecustomize.py").write_text(WITHOUT_THE_PLUGIN, encoding="utf-8")
    done = snakemake(toy.folder, "-n", VERBOSE="", PYTHONPATH=str(toy.folder / "hidden"))
    assert done.returncode == 0, done.stdout[-3000:]
    assert "This was a dry-run (flag -n)." in done.stdout
    assert "rule train_agent:" in done.stdout
