import json
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from tests.workflow.toy import ROOT, Toy

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


PLANTED = {
    "markets": {
        "strong": {
            "source": "planted",
            "ticker_count": 15,
            "days": 6000,
            "signal_strength": 0.0015,
            "test_start": "2015-01-01",
        }
    },
    "folds": {"count": 3, "train_days": 2000, "validation_days": 500, "purge_days": 5},
    "seeds": {"tuning": [0], "final": [100, 101, 102, 103, 104]},
    "backtest": {"top": 1},
    "sweeps": {
        "ppo_manual": {
            "agent": "ppo",
            "market": "strong",
            "optimizer": "manual",
            "rounds": 1,
            "round_size": 4,
            "budget": 12800,
            # The default, and three that learn less in as many steps, so that the incumbent is the default.
            "configurations": [
                {},
                *(
                    {"learning_rate": rate, "batch_size": 1024, "repeat_times": 4, "horizon_len": 256}
                    for rate in (1e-4, 2e-4, 4e-4)
                ),
            ],
        }
    },
    "search_spaces": {},
}


@pytest.mark.slow
def test_on_a_strong_planted_market_skill_is_shown_with_the_default_as_incumbent_and_it_was_not_luck(tmp_path):
    toy = Toy(tmp_path)
    toy.config = PLANTED
    toy.write_config()
    shutil.copytree(ROOT / "search_spaces", tmp_path / "search_spaces", dirs_exist_ok=True)  # the shipped ones
    done = toy.snakemake()
    assert done.returncode == 0, done.stdout[-3000:]
    verdict = json.loads((tmp_path / "results/sweeps/ppo_manual/verdict.json").read_text())
    assert (verdict["skill"]["answer"], verdict["tuning"]["answer"]) == ("yes", "no")
    assert verdict["tuning"]["sentence"].startswith("The tuned configuration is the default")
    assert verdict["rows"]["rank_1"]["sharpe"]["estimate"] > verdict["rows"]["benchmark"]["sharpe"]["estimate"] + 1
    selection = verdict["selection"]
    assert (selection["answer"], selection["beside"]["stand_out"][0]) == ("yes", "round_0/trial_0")
    assert selection["beside"]["deflated_sharpe_ratio"]["all_trials"] > 0.95
    assert selection["beside"]["overfitting"]["p_value"] < 0.05  # far below its null
