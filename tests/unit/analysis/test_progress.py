"""What is seen of a sweep from its files: done, running, failed, silent, the best so far."""

import io
import os
import shutil
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from workflow_scripts.analysis.progress import Plan, Progress, Results, SweepProgress, error_of, words
from workflow_scripts.analysis.watch_results import Page, curve, headline, picture, watch_results
from workflow_scripts.analysis.write_report import write_report
from workflow_scripts.sweeps.history import Score, write_score
from workflow_scripts.workflow.files import write_json

PLANS = {"ppo_smac": Plan([(2, 2), (2, 2)], backtest_runs=4)}
NOW = time.time()


def stamp(ago):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOW - ago))


class Tree:
    """Results of a sweep of two rounds of two trials of two runs each, written as one says."""

    def __init__(self, root):
        self.root, self.sweep = root, root / "results/sweeps/ppo_smac"

    def propose(self, number):
        settings = {"agent": "ppo", "market": "toy", "optimizer": "smac"}
        settings |= {"search_space": {"gamma": {"type": "float", "default": 0.9}}}
        write_json(self.sweep / f"round_{number}/proposals.json", {"settings": settings, "trials": [{}, {}]})

    def run(self, number, trial, seed, ended=None, log=None, written=0):
        folder = self.sweep / f"round_{number}/trial_{trial}/fold_0/seed_{seed}"
        folder.mkdir(parents=True)
        if ended is not None:
            write_json(folder / "sharpe.json", {})
            os.utime(folder / "sharpe.json", (NOW - ended, NOW - ended))
        if log is not None:
            (folder / "train_agent.log").write_text(log, encoding="utf-8")
            os.utime(folder / "train_agent.log", (NOW - written, NOW - written))

    def trial(self, number, trial, values, gamma, ends, status="ok", reason=None):
        for seed, ended in enumerate(ends):
            self.run(number, trial, seed, ended)
        runs = [{"fold": 0, "seed": seed, "value": value} for seed, value in enumerate(values)]
        score = sum(values) / len(values) if status == "ok" else None
        written = Score("ppo_smac", number, trial, 64, status, reason, score, None, {"gamma": gamma}, runs)
        write_score(written, self.sweep / f"round_{number}/trial_{trial}/score.json")

    def look(self, plans=PLANS):
        return Results(self.root, plans).look()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr("workflow_scripts.analysis.progress.time", SimpleNamespace(time=lambda: NOW))


@pytest.fixture
def tree(tmp_path):
    """Round 0 has ended, in four minutes; of round 1 one run has ended, one goes on, and two have not begun."""
    made = Tree(tmp_path)
    made.propose(0)
    made.trial(0, 0, [1.0, 1.0], 0.9, ends=(300, 240))
    made.trial(0, 1, [2.0, 4.0], 0.8, ends=(180, 120))
    made.propose(1)
    made.run(1, 0, 0, ended=60)
    lines = [f"{stamp(40)} INFO ppo_smac round=1", f"{stamp(20)} INFO vector_steps=32/64 loss=2 cpu_s=1.5"]
    lines += [f"{stamp(10)} INFO vector_steps=48/64 loss=1e-03 cpu_s=2.5"]
    made.run(1, 0, 1, log="\n".join(lines))
    return made


def test_rounds_are_counted_by_trials_and_runs(tree):
    first, second = tree.look().sweeps[0].rounds
    assert (first.trials, first.done, first.running, first.runs_done) == (2, 2, 0, 4)
    assert (second.trials, second.done, second.running, second.runs_done) == (2, 0, 1, 1)


def test_the_speed_is_that_of_the_runs_that_ended_and_gives_the_time_left(tree):
    seen = tree.look()
    # Five runs ended; four of them within the 300 s since the first did. Three runs and four of the backtest are left.
    assert seen.runs_a_minute == pytest.approx(60 * 4 / 300)
    assert seen.sweeps[0].runs_left == 7
    assert seen.seconds_left == pytest.approx(7 * 300 / 4)


def test_a_pause_between_two_sessions_is_no_part_of_the_speed(tree):
    old = tree.sweep / "round_0/trial_0/fold_0/seed_0/sharpe.json"
    os.utime(old, (NOW - 10000, NOW - 10000))
    # Since the pause three runs ended after the first of the new session did, in 240 s.
    assert tree.look().runs_a_minute == pytest.approx(60 * 3 / 240)


def test_the_best_so_far_stands_with_its_interval_and_against_the_default(tree):
    sweep = tree.look().sweeps[0]
    assert (sweep.best.round, sweep.best.trial, sweep.best.score) == (0, 1, 3.0)
    # 2 and 4 have a standard error of 1; Student's t with one degree of freedom is 12.706. So have 1 and 3 above 1. The
    # best of several trials is less sure than one that nobody chose.
    assert sweep.interval == pytest.approx(16.620, abs=1e-3)
    assert sweep.against_default.estimate == pytest.approx(2.0)
    assert sweep.against_default.interval > 12.706


def test_a_running_training_shows_its_steps_and_its_learning_curves(tree):
    (run,) = tree.look().running
    assert (run.steps, run.budget, run.curves) == (48, 64, {"loss": [2.0, 0.001]})
    assert words(run.folder) == "ppo_smac round 1 trial 0 fold 0 seed 1"


def test_a_log_that_ends_with_an_error_is_a_failure_and_one_that_fell_silent_is_not(tree):
    tree.run(1, 1, 0, log="Traceback:\n  File x\nValueError: 5 folds need 1139 days\n", written=50)
    tree.run(1, 1, 1, log=f"{stamp(400)} INFO ppo_smac round=1\n", written=400)
    seen = tree.look()
    (failure,) = seen.failures
    assert (failure.what, failure.reason) == (
        "ppo_smac round 1 trial 1 fold 0 seed 0",
        "ValueError: 5 folds need 1139 days",
    )
    assert [words(run.folder) for run in seen.silent] == ["ppo_smac round 1 trial 1 fold 0 seed 1"]
    assert len(seen.running) == 1


def test_a_training_that_writes_a_line_in_ten_minutes_is_not_dead_after_ten(tree):
    lines = [f"{stamp(ago)} INFO vector_steps=32/64 loss=1" for ago in (1800, 1200)]
    tree.run(1, 1, 0, log="\n".join(lines), written=1200)
    assert len(tree.look().running) == 2


def test_trials_without_a_score_are_counted_and_say_why(tree):
    tree.run(1, 1, 0, ended=20)
    tree.run(1, 1, 1, ended=10)
    runs = [{"fold": 0, "seed": seed, "value": None} for seed in (0, 1)]
    failed = Score("ppo_smac", 1, 1, 64, "failed", "the loss is not finite", None, None, {"gamma": 0.5}, runs)
    write_score(failed, tree.sweep / "round_1/trial_1/score.json")
    seen = tree.look()
    assert (seen.sweeps[0].rounds[1].done, seen.sweeps[0].rounds[1].without_score) == (1, 1)
    assert [(each.what, each.reason) for each in seen.failures] == [
        ("ppo_smac round 1 trial 1", "the loss is not finite")
    ]


def test_a_job_that_is_no_run_fails_too(tree):
    market = tree.root / "results/markets/toy"
    market.mkdir(parents=True)
    (market / "download_bars.log").write_text("ValueError: market toy: no rows\n", encoding="utf-8")
    (failure,) = tree.look().failures
    assert (failure.what, failure.reason) == ("download_bars of toy", "ValueError: market toy: no rows")


def test_what_nobody_planned_is_not_guessed(tree):
    seen = tree.look(plans={})
    assert [each.trials for each in seen.sweeps[0].rounds] == [2, 2]
    assert seen.sweeps[0].runs_left is None
    assert seen.seconds_left is None


def test_a_file_is_read_again_only_where_it_has_changed(tree, monkeypatch):
    results = Results(tree.root, PLANS)
    results.look()
    score = tree.sweep / "round_0/trial_1/score.json"
    kept = results.look().sweeps[0].best
    assert results.look().sweeps[0].best is kept
    score.write_text(score.read_text(encoding="utf-8").replace('"score": 3.0', '"score": 3.5'), encoding="utf-8")
    os.utime(score, (NOW + 5, NOW + 5))
    assert results.look().sweeps[0].best.score == 3.5


def test_nothing_at_all_is_a_plan_of_which_nothing_is_done(tmp_path):
    seen = Tree(tmp_path).look()
    assert [each.done for each in seen.sweeps[0].rounds] == [0, 0]
    assert (seen.running, seen.failures, seen.runs_a_minute, seen.last_change) == ([], [], None, None)


def test_a_warning_at_the_end_of_a_log_is_no_error():
    assert error_of("x.py:3: UserWarning: nothing\n  warn()\n") is None
    assert error_of("workflow_scripts.data.Error: x\n") == "workflow_scripts.data.Error: x"


def test_a_curve_goes_from_the_lowest_bar_to_the_highest():
    assert curve([0.0, 3.5, 7.0]) == "▁▅█"
    assert curve([2.0, 2.0]) == "▁▁"


def shown(progress, note=""):
    stream = io.StringIO()
    Console(file=stream, width=120).print(picture(progress, note, NOW))
    return [" ".join(line.split()) for line in stream.getvalue().splitlines()]


def test_the_picture_begins_with_what_goes_on_and_how_long_yet(tree):
    tree.run(1, 1, 0, log="ValueError: no bars\n", written=50)
    lines = shown(tree.look())
    assert lines[0].endswith(" 1 training running, 0.8 end per minute, about 9 min left")
    assert "ppo_smac ppo on toy, proposed by smac" in lines
    assert any(line.startswith("0 2/2 4/4 ━") for line in lines)
    assert any(line.startswith("1 0/2 1 1/4 ━") for line in lines)
    assert "backtest 0/4" in lines
    best = "best so far: round 0 trial 1: Sharpe ratio 3.00 ± 16.6, against the default +2.00 ± "
    assert any(line.startswith(best) and line.endswith(" (±: 95 % interval)") for line in lines)
    assert "running steps loss" in lines
    assert "ppo_smac round 1 trial 0 fold 0 seed 1 75% █▁ 0.001" in lines
    assert any(line.endswith("ppo_smac round 1 trial 1 fold 0 seed 0: ValueError: no bars") for line in lines)
    assert any(line.endswith("round_1/trial_1/fold_0/seed_0/train_agent.log") for line in lines)


def test_without_a_terminal_one_picture_is_printed(tree, capsys):
    watch_results(tree.root / "results")
    said = capsys.readouterr().out
    assert "there is no config.yaml beside it, so that only what has begun is known" in " ".join(said.split())
    assert said.count("ppo on toy") == 1


def test_a_folder_without_sweeps_is_named(tmp_path):
    with pytest.raises(SystemExit, match=r"there are no sweeps in .*results, and there is no config\.yaml"):
        watch_results(tmp_path / "results")


def test_a_folder_of_another_name_is_refused_and_not_taken_for_the_results_beside_it(tree):
    for verb in (watch_results, write_report):
        with pytest.raises(ValueError, match=r"results_old is no folder of results: it is called 'results', whatever"):
            verb(tree.root / "results_old", *([tree.root / "report.html"] if verb is write_report else []))


def test_a_configuration_is_found_from_here_and_its_search_space_from_the_results(tree, monkeypatch, capsys):
    (tree.root / "cfg").mkdir()
    (tree.root / "cfg" / "F.yaml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tree.root)
    watch_results(tree.root / "results", Path("cfg/F.yaml"), once=True)
    assert "F.yaml cannot be read, so that only what has begun is known: " in capsys.readouterr().out


def test_ensembles_stray_seeds_and_rounds_that_nobody_planned_do_not_count(tree):
    for candidate in ("rank_1", "default", "ensemble", "default_ensemble"):
        for seed in (100, 101):
            write_json(tree.sweep / f"backtest/{candidate}/seed_{seed}/sharpe.json", {})
    (sweep,) = tree.look({"ppo_smac": Plan([(2, 1)], 4)}).sweeps
    assert [(each.trials, each.runs, each.runs_done) for each in sweep.rounds] == [(2, 1, 2)]
    assert (sweep.backtest_done, sweep.runs_left) == (4, 0)


def test_jobs_of_every_level_fail_and_one_that_ctrl_c_stopped_has_not(tree):
    for path in (
        "results/sweeps/ppo_smac/round_0/trial_1/score_trial.log",
        "results/markets/toy/folds/split_folds.log",
    ):
        (tree.root / path).parent.mkdir(parents=True, exist_ok=True)
        (tree.root / path).write_text("ValueError: no\n", encoding="utf-8")
    (tree.sweep / "round_1/propose_trials.log").write_text("KeyboardInterrupt\n", encoding="utf-8")
    tree.run(1, 1, 0, log="KeyboardInterrupt\n")
    seen = tree.look()
    assert {each.what for each in seen.failures} == {
        "score_trial of ppo_smac round 0 trial 1",
        "split_folds of toy folds",
    }
    assert len(seen.running) == 1


def test_a_sweep_may_be_called_after_the_results_and_a_copy_beside_a_round_is_none(tree):
    assert words(Path("/a/results/sweeps/my_results/round_0")) == "my_results round 0"
    assert words(Path("results/controls/results/sweeps/results/round_0/trial_1")) == "results round 0 trial 1"
    shutil.copytree(tree.sweep / "round_1", tree.sweep / "round_1_bak")
    shutil.copytree(tree.sweep, tree.sweep.with_name("ppo_smac.bak"))
    assert [len(sweep.rounds) for sweep in tree.look(plans={}).sweeps] == [2]


def page(tree, code):
    made = Page(tree.root / "results", tree.root / "report.html")
    made.command = [sys.executable, "-c", code, str(made.html)]
    return made


def test_the_page_is_written_anew_a_minute_later_where_a_training_has_ended(tree):
    made = page(tree, "import sys; open(sys.argv[1], 'a').write('x')")
    before = tree.look()
    for now, progress, length in ((0, before, 1), (30, before, 1), (61, before, 1)):
        made.keep_up(progress, now)
        made.process.wait()
        assert len(made.html.read_text(encoding="utf-8")) == length
        assert made.keep_up(progress, now).startswith(f"{made.html} is of ")
    tree.run(1, 1, 0, ended=5)
    after = tree.look()
    assert made.keep_up(after, 62) == f"{made.html} is being written"
    made.process.wait()
    assert made.html.read_text(encoding="utf-8") == "xx"


def test_a_page_that_cannot_be_written_says_why(tree):
    made = page(tree, "raise ValueError('no sweep')")
    made.keep_up(tree.look(), 0)
    made.process.wait()
    for _ in range(2):
        assert made.keep_up(tree.look(), 1) == f"{made.html} cannot be written: ValueError: no sweep"


def test_a_further_look_reads_only_what_was_written_since(tmp_path, monkeypatch):
    tree = Tree(tmp_path)
    for number in (0, 1, 2):
        tree.propose(number)
        for trial in range(4):
            if number < 2:
                tree.trial(number, trial, [1.0] * 6, 0.9 - trial / 10, ends=range(6))
            else:
                for seed in range(6):
                    tree.run(number, trial, seed, log=f"{stamp(20)} INFO vector_steps=32/64 loss=2\n" * 10)
    results, read = Results(tmp_path, {"ppo_smac": Plan([(4, 6)] * 3, backtest_runs=25)}), []
    shown(results.look())
    plain_open = io.open
    monkeypatch.setattr(io, "open", lambda file, *mode, **how: read.append(file) or plain_open(file, *mode, **how))
    shown(results.look())
    assert read == []
    log = tree.sweep / "round_2/trial_1/fold_0/seed_3/train_agent.log"
    with log.open("a", encoding="utf-8") as more:
        more.write(f"{stamp(10)} INFO vector_steps=64/64 loss=2\n")
    read.clear()
    shown(results.look())
    assert read == [log]


def test_a_sweep_that_no_file_plans_keeps_nothing_from_having_ended():
    """As that of an ablation, whose configuration is another."""
    ended, unplanned = (
        SweepProgress("a", "", [], None, None, None, "", done, runs, None) for done, runs in ((3, 3), (2, None))
    )
    for sweeps, said in (([ended, unplanned], "all trainings have ended"), ([unplanned], "no training goes on")):
        assert said in headline(Progress(sweeps, [], [], [], None, None, None), 0.0).plain
