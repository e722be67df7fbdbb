"""make ablation trains what lies between the default and the incumbent, and opens no test day for it."""

import pytest
import yaml

from tests.workflow.toy import executed
from workflow_scripts.analysis.ablation import ablation_path
from workflow_scripts.analysis.report.tree import read_sweeps
from workflow_scripts.analysis.write_ablation import write_ablation

# Of the toy's trials those that learn least are best: the default learns most here.
LEARNS_MOST = {"learning_rate": 1.0e-3, "horizon_len": 16}
OTHERS = [dict(zip(LEARNS_MOST, values, strict=True)) for values in ((1.0e-5, 32), (1.0e-4, 24), (3.0e-4, 20))]


@pytest.mark.slow
def test_the_path_is_trained_with_the_sweeps_own_seeds_and_the_test_days_stay_closed(toy):
    toy.config["sweeps"]["ppo_smac"] = {"agent": "ppo", "market": "toy", "optimizer": "manual", "rounds": 1} | {
        "round_size": 4,
        "budget": 64,
        "configurations": [{}, *OTHERS],
    }
    for name, value in ({"batch_size": 16} | LEARNS_MOST).items():
        toy.config["search_spaces"]["ppo"][name]["default"] = value
    toy.write_config()
    trials = "results/sweeps/ppo_smac/trials.csv"
    done = toy.snakemake(trials)
    assert done.returncode == 0, done.stdout[-3000:]
    (sweep,) = read_sweeps(toy.folder, ["ppo_smac"])
    before = ablation_path(sweep)
    assert [step.score is None for step in before] == [False, True, False]

    ablation = toy.folder / "ablation.yaml"
    write_ablation("ppo_smac", ablation, toy.folder / "results", toy.folder / "config.yaml")
    missing = yaml.safe_load(ablation.read_text(encoding="utf-8"))["sweeps"]["ppo_smac_ablation"]["configurations"]
    done = toy.snakemake("--configfile", "ablation.yaml", "--", "results/sweeps/ppo_smac_ablation/trials.csv")
    assert done.returncode == 0, done.stdout[-3000:]
    assert executed(done.stdout)["train_agent"] == 2 * 2 * len(missing)
    assert not list((toy.folder / "results/markets").glob("*/openings.jsonl"))

    after = ablation_path(sweep)
    assert [step.predicted for step in after] == [step.predicted for step in before]
    assert all(step.score is not None for step in after)
    with pytest.raises(SystemExit, match="has been trained"):
        write_ablation("ppo_smac", ablation, toy.folder / "results", toy.folder / "config.yaml")
