import json
import subprocess
import sys

import pandas as pd
import pytest

SWEEP = "results/sweeps/ppo_smac"


def check(folder):
    command = [sys.executable, "-m", "workflow_scripts.analysis.check_verdict", "results"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_verdict_has_three_answers_and_follows_from_the_returns(finished):
    verdict = json.loads((finished.folder / SWEEP / "verdict.json").read_text())
    for question in ("skill", "tuning", "selection"):
        assert verdict[question]["answer"] in ("yes", "no", "unknown")
        assert {"estimate", "interval", "p_value", "sentence"} <= verdict[question].keys()
    assert verdict["sentence"] == verdict["skill"]["sentence"]
    assert (verdict["test"]["days"], verdict["validation"]["days"], verdict["trials_counted"]) == (64, 38, 4)
    assert verdict["selection"]["beside"]["trials_compared"] <= 4
    done = check(finished.folder)
    words = "ppo_smac: every number follows from the daily returns that the runs kept\n"
    assert (done.returncode, done.stdout) == (0, words)


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("round_0/trial_1/score.json", "score"),
        ("verdict.json", "skill"),
        ("backtest/rank_1/seed_10/sharpe.json", "sharpe"),
    ],
)
def test_a_number_that_does_not_follow_from_the_returns_is_named_with_its_file(finished, tmp_path, file, key):
    toy = finished.copy(tmp_path / "copy")
    path = toy.folder / SWEEP / file
    content = json.loads(path.read_text())
    if key == "skill":
        content["skill"]["p_value"] = 0.001
    else:
        content[key] = 9.5
    path.write_text(json.dumps(content))
    done = check(toy.folder)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    named = f"ppo_smac: {SWEEP}/{file}: {'skill.p_value is 0.001' if key == 'skill' else f'{key} is 9.5'}, and "
    assert any(line.startswith(named) and line.endswith(" follows from the returns") for line in lines)


def test_returns_that_were_made_better_disagree_with_the_files_above_them(finished, tmp_path):
    toy = finished.copy(tmp_path / "copy")
    run = toy.folder / SWEEP / "backtest/rank_1/seed_10/returns.parquet"
    table = pd.read_parquet(run)
    table["daily_return"] += 0.001
    table.to_parquet(run, index=False)
    said = check(toy.folder).stdout
    assert f"ppo_smac: {SWEEP}/backtest/rank_1/seed_10/sharpe.json: sharpe is " in said
    assert f"ppo_smac: {SWEEP}/verdict.json: rows.rank_1.sharpe.estimate is " in said


def test_results_without_a_verdict_end_in_one_line(finished, tmp_path):
    toy = finished.copy(tmp_path / "copy")
    (toy.folder / SWEEP / "verdict.json").unlink()
    done = check(toy.folder)
    assert (done.returncode, done.stderr) == (1, "results has no verdict.json of any sweep: run Snakemake first\n")
