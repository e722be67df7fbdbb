"""The screen, fed with what Snakemake said of runs of a toy: one that ended, one that failed, a dry run."""

import io
import json
import logging
import os
from pathlib import Path

import pytest
from snakemake_logger_plugin_foldsweep import LogHandler
from snakemake_logger_plugin_foldsweep.screen import Screen

from workflow_scripts.sweeps.history import Score, write_score
from workflow_scripts.workflow.files import write_json

HERE = Path(__file__).parent
SWEEP = Path("results/sweeps/ppo_smac")
ABOUT = "ppo on toy, proposed by smac: 2 trials in 1 rounds"
TOLD = {"sweeps": {"ppo_smac": {"folder": "results/sweeps/ppo_smac", "trials": 2, "about": ABOUT}}}
DEFAULT = {"gamma": 0.9}


def record(fields):
    event = fields.get("event") and str(fields["event"])
    made = logging.makeLogRecord({"msg": "", **fields, "levelname": "", "event": event})
    if event is None:
        del made.event
    return made


def recorded(name):
    return [json.loads(line) for line in (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def show(events, stream=None, close=True, **options):
    """Return the lines that a screen shows of events, each with its columns' blanks made one."""
    stream = stream or io.StringIO()
    screen = Screen(stream, **options)
    for fields in events:
        screen.take(record(fields))
    if close:
        screen.close()
    return [" ".join(line.split()) for line in stream.getvalue().splitlines()]


def write_trial(trial, values, configuration, status="ok", reason=None):
    runs = [{"fold": fold, "seed": 0, "value": value} for fold, value in enumerate(values)]
    score = sum(values) / len(values) if status == "ok" else None
    made = Score("ppo_smac", 0, trial, 64, status, reason, score, None, configuration, runs)
    write_score(made, SWEEP / f"round_0/trial_{trial}/score.json")


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A toy's results: the default configuration, and a trial that is 1, 2 and 3 better on three folds."""
    monkeypatch.chdir(tmp_path)
    space = {"gamma": {"type": "float", "default": 0.9}}
    write_json(SWEEP / "round_0/proposals.json", {"settings": {"search_space": space}, "trials": []})
    write_json(SWEEP / "verdict.json", {"sentence": "No skill is shown."})
    write_trial(0, [1.0, 1.0, 1.0], DEFAULT)
    write_trial(1, [2.0, 3.0, 4.0], {"gamma": 0.8})
    for trial in (0, 1):
        for fold in (0, 1, 2):
            write_json(SWEEP / f"round_0/trial_{trial}/fold_{fold}/seed_0/sharpe.json", {})


def trial_lines(lines):
    return [line.partition(" ")[2] for line in lines if " ppo_smac " in f" {line} " and "/2" in line]


def test_a_line_a_trial_says_its_score_its_distance_from_the_default_and_the_best_so_far(results):
    lines = show([TOLD, *recorded("ended")])
    first, second = trial_lines(lines)
    assert first.startswith("ppo_smac 1/2 0 0 1.00 is the default 1.00 (round 0 trial 0)")
    # 1, 2 and 3 have a standard error of 1/√3, and Student's t with two degrees of freedom is 4.303.
    assert second.startswith("ppo_smac 2/2 0 1 3.00 +2.00 ± 2.48 3.00 (round 0 trial 1)")
    assert all(line.endswith((" s", " min")) for line in (first, second))


def test_of_several_sweeps_a_pipe_gets_new_bests_and_the_last_trial_alone(results):
    write_trial(1, [0.5, 0.5, 0.5], {"gamma": 0.8})
    told = {"sweeps": {"ppo_smac": TOLD["sweeps"]["ppo_smac"] | {"trials": 3}, "other": {"folder": ".", "about": "-"}}}
    told["sweeps"]["other"]["trials"] = 0
    one = {"sweeps": {"ppo_smac": told["sweeps"]["ppo_smac"]}}

    def trials(plan, **options):
        return [line.split()[2] for line in show([plan, *recorded("ended")], **options) if "(round 0 trial" in line]

    assert trials(told) == ["1/3"]
    assert trials(one) == ["1/3", "2/3"]


def test_a_run_begins_with_what_there_is_to_do_and_ends_with_the_verdict_and_the_time(results):
    lines = show([TOLD, *recorded("ended")])
    assert lines[:2] == [
        "21 jobs to do: 2 runs of 2 trials, 6 runs of the backtest, 13 others",
        "ppo_smac: ppo on toy, proposed by smac: 2 trials in 1 rounds",
    ]
    assert lines[-2].endswith("ppo_smac: No skill is shown.")
    assert lines[-1].startswith("done: 21 jobs in ")
    assert "in full: /folder/.snakemake/log/" in lines[-1]
    assert len(lines) == 12
    assert not [line for line in lines if "Select jobs" in line or "reason" in line]


def test_a_run_that_made_the_report_ends_with_its_path(results):
    judged = next(fields for fields in recorded("ended") if fields.get("rule_name") == "judge_sweep")
    written = judged | {"jobid": 21, "rule_name": "write_report", "wildcards": {}, "log": ["results/write_report.log"]}
    events = [TOLD, *recorded("ended"), written, {"event": "job_finished", "created": written["created"], "job_id": 21}]
    assert show(events)[-1].startswith("done: 21 jobs in ")
    Path("results/report.html").touch()
    assert show(events)[-1] == "the report, for a browser: results/report.html"


def test_what_snakemake_says_of_files_that_were_never_there_is_left_out(results):
    said = "Cannot restore results/markets/toy/bars.parquet: no backup found."
    lines = show([{"msg": said, "levelno": logging.WARNING}, {"msg": "yours", "levelno": logging.WARNING}])
    assert lines == ["yours"]


def test_a_market_says_what_was_read(results):
    log = Path("results/markets/toy/download_bars.log")
    log.parent.mkdir(parents=True)
    said = "INFO rows=780 tickers=3 days=260 (a long table)\n2026-03-02 14:05:11 INFO periods_per_year=260"
    log.write_text(f"2026-03-02 14:05:11 {said}\n", encoding="utf-8")
    lines = show([TOLD, *recorded("failed")])
    assert any(line.endswith(" toy: rows=780 tickers=3 days=260 (a long table)") for line in lines)


def test_a_trial_without_a_score_says_why(results):
    write_trial(1, [2.0], {"gamma": 0.8}, status="failed", reason="the loss is not finite")
    lines = trial_lines(show([TOLD, *recorded("ended")]))
    assert lines[1] == "ppo_smac 2/2 0 1 failed: the loss is not finite"


def test_a_trial_before_the_default_says_that_it_has_none_to_stand_against(results):
    (SWEEP / "round_0/trial_0/score.json").unlink()
    lines = show([TOLD, *recorded("ended")])
    assert "score_trial ppo_smac round 0 trial 0: its score is not on this machine" in "\n".join(lines)
    assert "1/2 0 1 3.00 default not scored" in "\n".join(lines)


def of_old(start, *trials):
    """Let trials be scored before a run began."""
    for trial in trials:
        os.utime(SWEEP / f"round_0/trial_{trial}/score.json", (0, start - 1))


def write_earlier(start, *trials):
    """Write trials that were scored before a run began."""
    for trial in trials:
        write_trial(trial, [1.5, 1.5, 1.5], {"gamma": 0.7 - trial / 100})
        for fold in (0, 1, 2):
            write_json(SWEEP / f"round_0/trial_{trial}/fold_{fold}/seed_0/sharpe.json", {})
    of_old(start, *trials)


def test_a_trial_that_is_scored_before_the_screen_comes_to_look_is_counted_once(results):
    events = recorded("ended")
    start = next(fields for fields in events if fields.get("event") == "run_info")
    write_earlier(start["created"], 2)
    told = {"sweeps": {"ppo_smac": TOLD["sweeps"]["ppo_smac"] | {"trials": 3}}}
    assert [line.split()[2] for line in show([told, *events]) if "(round 0 trial" in line] == ["2/3", "3/3"]


def test_trials_that_an_earlier_run_scored_are_counted_and_those_that_are_made_anew_are_not(results):
    events = recorded("ended")
    start = next(fields for fields in events if fields.get("event") == "run_info")
    told = {"sweeps": {"ppo_smac": TOLD["sweeps"]["ppo_smac"] | {"trials": 4}}}
    write_earlier(start["created"], 2, 3)
    counts = []
    # Two trials are there and two are to do. Then four are to do: both are stale. Then one has lost a run: it is stale.
    for to_do, lost in ((2, False), (4, False), (3, True)):
        start["stats"]["score_trial"] = to_do
        if lost:
            (SWEEP / "round_0/trial_2/fold_1/seed_0/sharpe.json").unlink()
        first, _ = (line for line in show([told, *events]) if "/4" in line)
        counts.append(first.split()[2])
    assert counts == ["3/4", "1/4", "2/4"]


def test_a_failure_has_its_reason_and_its_log_and_each_new_attempt_is_named(results):
    run = "results/sweeps/ppo_smac/round_0/trial_0/fold_0/seed_0/train_agent.log"
    Path(run).write_text("2026-03-02 14:05:11 INFO ppo_smac\nTraceback:\nTypeError: no such type\n", encoding="utf-8")
    lines = show([TOLD, *recorded("failed")])
    what = "train_agent ppo_smac round 0 trial 0 fold 0 seed 0"
    assert lines.count(f"failed {what}: TypeError: no such type") == 3
    assert lines.count(f"log: {run}") == 3
    assert [line for line in lines if line.startswith("again")] == [
        f"again {what}: attempt 2",
        f"again {what}: attempt 3",
    ]
    assert lines[-2].startswith("stopped after 39 s: 3 of 4 jobs done, 1 failed; in full: ")
    assert lines[-1] == "what is done is kept: the same command goes on from there, once the cause is mended"
    assert "CalledProcessError" not in "".join(lines)


def test_a_failure_names_the_log_that_stays_when_the_next_attempt_begins(results):
    run = SWEEP / "round_0/trial_0/fold_0/seed_0"
    for attempt in (1, 2):
        (run / f"train_agent.attempt_{attempt}.log").write_text(f"OSError: disk {attempt}\n", encoding="utf-8")
    (run / "train_agent.log").write_text("OSError: disk 3\n", encoding="utf-8")
    lines = show([TOLD, *recorded("failed")])
    assert [line.rpartition("seed 0: ")[2] for line in lines if line.startswith("failed")] == [
        "OSError: disk 1",
        "OSError: disk 2",
        "OSError: disk 3",
    ]
    assert [line for line in lines if line.startswith("log: ")] == [
        f"log: {run}/train_agent.attempt_1.log",
        f"log: {run}/train_agent.attempt_2.log",
        f"log: {run}/train_agent.log",
    ]


def test_a_job_that_was_killed_says_by_what(results):
    events = recorded("failed")
    for fields in events:
        if fields.get("event") == "error":
            fields["msg"] = fields["msg"].replace("returned non-zero exit status 1.", "died with <Signals.SIGKILL: 9>.")
    lines = show([TOLD, *events])
    assert "failed train_agent ppo_smac round 0 trial 0 fold 0 seed 0: killed by SIGKILL" in lines


def test_ctrl_c_is_no_failure(results):
    log = SWEEP / "round_0/trial_0/fold_0/seed_0/train_agent.log"
    log.write_text("KeyboardInterrupt\n", encoding="utf-8")
    events = [fields for fields in recorded("failed") if not fields.get("msg", "").startswith("Trying to restart")]
    lines = show([TOLD, *events])
    assert not [line for line in lines if line.startswith("failed")]
    assert lines[-2].startswith("stopped after 39 s: 3 of 4 jobs done; in full: ")
    assert lines[-1] == "what is done is kept: the same command goes on from there"


def test_a_job_that_a_cluster_stopped_says_so():
    job = {"event": "job_error", "jobid": 3, "rule_name": "train_agent", "indent": False, "created": 0.0, "log": []}
    said = "SLURM-job '7' failed, SLURM status is: 'TIMEOUT'."
    assert show([job | {"rule_msg": said}]) == [f"failed train_agent: {said}"]


def test_an_allocation_that_fails_blames_the_job_whose_log_ends_with_an_error(results):
    Path("bad.log").write_text("MemoryError: 3 GB\n", encoding="utf-8")
    Path("good.log").write_text("2026-03-02 14:05:11 INFO status=ok\n", encoding="utf-8")
    jobs = [
        {"jobid": number, "rule_name": "train_agent", "log": [f"{name}.log"]}
        for number, name in enumerate(("good", "bad"))
    ]
    event = {"event": "group_error", "groupid": "trial", "aux_logs": ["slurm.log"], "created": 0.0}
    assert show([event | {"job_error_info": jobs}]) == ["failed train_agent: MemoryError: 3 GB", "log: bad.log"]
    nobody = show([event | {"job_error_info": jobs[:1]}])
    assert nobody == ["failed group trial (train_agent): the machine stopped it", "log: slurm.log"]


def test_an_allocation_that_a_cluster_does_not_take_names_its_trial_and_what_to_ask(results):
    started = next(fields for fields in recorded("ended") if fields.get("rule_name") == "train_agent")
    jobs = [
        {"jobid": started["jobid"], "rule_name": "train_agent", "log": []},
        {"jobid": 99, "rule_name": "x", "log": []},
    ]
    event = {"event": "group_error", "groupid": "trial", "aux_logs": [], "created": 0.0, "job_error_info": jobs}
    (line,) = show([TOLD, started, event])
    place = "train_agent ppo_smac round 0 trial 1 fold 0 seed 0"
    assert line.startswith(
        f"failed group trial ({place} and 1 more): it has no log: the cluster took no such allocation"
    )
    submitted = "Job 7cf7f4b4-0f7a-4c52-9c8e-000000000000 has been submitted with SLURM jobid 1 (log: 1.log)."
    assert show([{"msg": submitted, "levelno": logging.INFO}]) == []


def test_a_dry_run_that_was_told_to_be_quiet_is(results):
    assert show([TOLD, *recorded("dry_run")], dry_run=True, quiet={"all"}) == []


def test_a_mistake_in_the_configuration_comes_without_the_line_of_the_rule_that_found_it():
    where = 'file "/a/rules/common.smk", line 44'
    said = f"WorkflowError in {where}:\nconfig.yaml, foldz: unknown key\n  {where.replace('file', 'File')}, in <module>"
    lines = show([{"event": "error", "exception": "WorkflowError", "msg": said, "created": 0.0}])
    assert lines == ["error: config.yaml, foldz: unknown key"]


@pytest.mark.parametrize("kind", ["WorkflowError:\n    ", "ValueError: "])
def test_a_mistake_that_an_input_function_finds_comes_without_its_traceback(kind):
    where = 'in rule diff_market in file "/a/rules/data.smk", line 89'
    said = f"InputFunctionException {where}:\nError:\n  {kind}no market dow\nWildcards:\n  market=dow\nTraceback:\n  x"
    assert show([{"event": "error", "msg": said, "created": 0.0}]) == ["error: no market dow"]


def test_a_folder_that_a_kill_left_locked_says_how_to_go_on():
    said = "LockException:\nError: Directory cannot be locked. It can be removed with the --unlock argument."
    (line,) = show([{"event": "error", "msg": said, "created": 0.0}])
    assert "where none is alive, go on with make resume" in line


def test_an_error_of_the_code_keeps_its_file_and_line():
    said = 'NameError in file "/a/my_agents.py", line 3:\nname x is not defined'
    assert show([{"event": "error", "exception": "NameError", "msg": said, "created": 0.0}]) == said.splitlines()


def test_what_rules_say_is_shown_and_what_snakemake_says_of_itself_is_not():
    events = [
        {"msg": text, "levelno": logging.INFO, "created": 0.0} for text in ("Building DAG of jobs...", "auto: no GPU")
    ]
    assert show(events) == ["auto: no GPU"]


def test_a_dry_run_says_how_many_jobs_of_each_rule_and_why():
    lines = show([TOLD, *recorded("dry_run")], dry_run=True)
    assert "train_agent 2 a file is missing, a file it reads is made anew" in lines
    assert lines[0] == "24 jobs would run, of these rules for these reasons:"
    assert len(lines) == 18


def test_a_pipe_that_was_silent_for_five_minutes_hears_how_far_it_is(results):
    events = recorded("ended")
    for fields in events[events.index(next(each for each in events if each.get("job_id") is not None)) :]:
        fields["created"] += 200
    heard = [line for line in show([TOLD, *events]) if " jobs; " in line]
    # The first training of two ends after 366 s and the time left is that of the other one and of the backtest.
    assert len(heard) == 1
    assert " 0 of 21 jobs; " in heard[0]
    assert not [line for line in show([TOLD, *events], Terminal()) if " jobs; " in line]


def test_quiet_leaves_errors_alone(results):
    assert show([TOLD, *recorded("ended")], quiet={"all"}) == []
    assert any(line.startswith("failed ") for line in show([TOLD, *recorded("failed")], quiet={"all"}))


def test_a_run_that_ends_well_with_fewer_jobs_than_were_counted_is_done(results):
    """As where --until names a rule: Snakemake counts the jobs after it too."""
    events = [fields | ({"total": 30} if fields.get("event") == "progress" else {}) for fields in recorded("ended")]
    assert show([TOLD, *events])[-1].startswith("done: 21 jobs in ")


def test_a_terminal_gets_a_bar_and_colours_and_a_pipe_gets_neither(results, monkeypatch):
    for name in ("NO_COLOR", "TERM", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    piped, seen, plain = io.StringIO(), Terminal(), Terminal()
    show([TOLD, *recorded("ended")], piped)
    show([TOLD, *recorded("ended")], seen)
    monkeypatch.setenv("NO_COLOR", "1")
    show([TOLD, *recorded("ended")], plain)
    assert "\x1b" not in piped.getvalue()
    assert "━" not in piped.getvalue()
    assert "━" in seen.getvalue()
    assert "\x1b[32m" in seen.getvalue()
    assert "━" in plain.getvalue()
    assert "\x1b[32m" not in plain.getvalue()


class Settings:
    printshellcmds = nocolor = debug_dag = verbose = show_failed_logs = stdout = dryrun = False
    quiet = None


def test_an_event_that_the_screen_cannot_show_is_shown_as_snakemake_does_and_so_are_all_after_it(monkeypatch, capsys):
    monkeypatch.delenv("VERBOSE", raising=False)
    handler = LogHandler(Settings(), None)
    handler.emit(record({"event": "run_info", "msg": "Job stats:"}))  # without the stats
    handler.emit(record({"msg": "Building DAG of jobs..."}))
    handler.close()
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("screen: AttributeError: ")
    assert said[0].endswith("; what follows is Snakemake's own")
    assert said[1:] == ["Job stats:", "Building DAG of jobs..."]


def test_a_run_ends_once_however_often_its_handler_is_closed(results, monkeypatch, capsys):
    monkeypatch.delenv("VERBOSE", raising=False)
    handler = LogHandler(Settings(), None)
    for fields in [TOLD, *recorded("ended")]:
        handler.emit(record(fields))
    handler.close()
    handler.close()
    assert capsys.readouterr().err.count("done: 21 jobs in ") == 1


def test_who_asks_for_more_gets_snakemakes_own_screen(monkeypatch, capsys):
    job = next(fields for fields in recorded("dry_run") if fields.get("event") == "job_info")
    job |= {"rule_msg": None, "local": False, "input": ["a"], "output": ["b"], "benchmark": None, "resources": {}}
    job |= {"priority": 0, "threads": 1}
    for verbose in ("", "1"):
        monkeypatch.setenv("VERBOSE", verbose)
        handler = LogHandler(Settings(), None)
        handler.emit(record(job))
        handler.close()
        assert ("reason: Missing output files" in capsys.readouterr().err) == bool(verbose)


def test_a_trial_that_is_made_anew_is_compared_with_those_that_stay(results):
    """Trial 1 is trained and scored anew, the default is not: what is there of it stays known."""
    events = [fields for fields in recorded("ended") if (fields.get("wildcards") or {}).get("trial") != "0"]
    start = next(fields for fields in events if fields.get("event") == "run_info")
    start["stats"]["score_trial"] = 1
    of_old(start["created"], 0, 1)
    (line,) = trial_lines(show([TOLD, *events]))
    assert line.startswith("ppo_smac 2/2 0 1 3.00 +2.00 ± 2.48 3.00 (round 0 trial 1)")


def test_a_group_that_is_tried_again_takes_its_failures_back_and_names_no_other_job():
    failed = {"groupid": "trial", "aux_logs": ["group.log"], "job_error_info": [], "event": "group_error"}
    again = {"msg": "Trying to restart job 12d9c3e4-0f7a-4c52-9c8e-000000000000.", "levelno": logging.INFO}
    events = recorded("failed")
    begin = events.index(next(fields for fields in events if fields.get("event") == "job_info"))
    events[begin:begin] = [fields | {"created": events[0]["created"]} for fields in (failed, again)]
    lines = show([TOLD, *events])
    assert [line for line in lines if line.startswith("failed group")] == ["failed group trial: the machine stopped it"]
    assert not [line for line in lines if "12d9c3e4" in line]
    assert ", 1 failed; in full" in lines[-2]
