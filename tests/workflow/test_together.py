"""A sweep whose runs train side by side: the same jobs and files, and what stands in them but for rounding."""

import json
import re

import pytest
import torch

from tests.workflow.toy import Toy, executed


def test_a_sweeps_runs_meet_and_a_setting_of_company_reruns_nothing(finished, tmp_path):
    """On a CPU where that is asked for. The finished sweep's runs trained by themselves."""
    toy = Toy(tmp_path / "toy")
    toy.config["training"]["together"] = 4
    toy.write_config()
    done = toy.snakemake("--cores", "4", "results/sweeps/ppo_smac/trials.csv")
    assert done.returncode == 0, done.stdout
    assert executed(done.stdout)["train_agent"] == 16
    logs = [path.read_text() for path in (toy.folder / "results").rglob("train_agent.log")]
    assert max(int(number) for log in logs for number in re.findall(r"beside=(\d+)", log)) >= 1
    run = "results/sweeps/ppo_smac/round_0/trial_0/fold_0/seed_0"
    own, beside = (torch.load(folder / run / "policy.pt") for folder in (finished.folder, toy.folder))
    for name, weight in own["actor"].items():
        torch.testing.assert_close(beside["actor"][name], weight, rtol=0, atol=3e-5)
    sharpes = [
        json.loads((folder / run / "sharpe.json").read_text())["sharpe"] for folder in (finished.folder, toy.folder)
    ]
    assert sharpes[1] == pytest.approx(sharpes[0], abs=0.01)
    toy.config["training"]["together"] = 1
    toy.write_config()
    again = toy.snakemake("--dry-run", "results/sweeps/ppo_smac/trials.csv")
    assert "Nothing to be done" in again.stdout
