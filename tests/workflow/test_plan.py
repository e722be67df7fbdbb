"""What `make plan` says before a run and after it."""

import re
import shutil

COUNTS = """\
ppo_smac: ppo on toy, proposed by smac
  2 round(s) of 2 trials, 8 runs, 64 vector steps each
  backtest of 2 configurations, 4 runs, 64 vector steps each
  2 rounds, 4 trials, 20 runs, 1,280 vector steps × 2 portfolios = 2,560 env-steps
"""


def test_a_plan_has_its_price_before_the_first_run_and_by_the_runs_themselves_after_it(finished, toy, tmp_path):
    shutil.copytree(finished.folder / "results" / "markets", toy.folder / "results" / "markets")
    before = toy.snakemake("plan")
    assert before.returncode == 0, before.stdout[-3000:]
    assert COUNTS in before.stdout
    assert "(the default configuration, trained for a moment)" in before.stdout
    assert "; 0 of 16 runs of the trials are done" in before.stdout
    assert re.search(r"two trials differ +from 3\.19 in annual Sharpe ratio on: 40 validation days", before.stdout)
    assert "correlate by 0.9 with the benchmark's (assumed: no sweep on this market has trained yet)" in before.stdout
    assert "warning: this design cannot tell whether the agent beats the benchmark" in before.stdout
    assert not (toy.folder / "results" / "sweeps").exists()

    shutil.copytree(finished.folder / "results" / "sweeps", toy.folder / "results" / "sweeps")
    after = toy.snakemake("plan")
    assert after.returncode == 0, after.stdout[-3000:]
    assert COUNTS in after.stdout
    assert "(16 runs of ppo_smac)" in after.stdout
    assert "; 16 of 16 runs of the trials are done" in after.stdout
    assert re.search(
        r"two trials differ +from [0-9.]+ in Sharpe ratio on: 2 folds × 2 seeds, measured on \d trials", after.stdout
    )
    assert "(measured on 38 validation days of the best trial of ppo_smac)" in after.stdout
