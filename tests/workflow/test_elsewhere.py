"""The checkout is not the working folder: the workflow is used from other folders, as a module, with other files."""

import os
import shutil

import pytest
import yaml

from tests.workflow.toy import ROOT, Toy, executed, jobs, snakemake, write_config
from workflow_scripts.workflow.adopt_results import adopt_results

MODULE = """
configfile: "config.yaml"

module foldsweep:
    snakefile: "{checkout}/Snakefile"
    config: config

use rule * from foldsweep

rule mine:
    default_target: True
    input: rules.all.input
    output: "mine.txt"
    shell: "echo whole > {{output}}"
"""


@pytest.fixture
def small(tmp_path):
    """A folder with nothing but a configuration and prices: one round of two trials."""
    folder = tmp_path / "mein Übungs sweep"
    toy = Toy(tmp_path / "toy")
    toy.config["sweeps"]["ppo_smac"] |= {"rounds": 1, "initial_design": 2}
    toy.config["folds"]["count"] = 1
    folder.mkdir()
    (toy.folder / "prices.csv").rename(folder / "prices.csv")
    write_config(folder, toy.config)
    return folder


def test_a_sweep_runs_in_a_folder_of_its_own(small):
    checkout = small / "klonierter Code"
    Toy(checkout)
    done = snakemake(small.parent, "-s", str(checkout / "Snakefile"), "--directory", str(small))
    assert done.returncode == 0, done.stdout[-3000:]
    assert (small / "results/sweeps/ppo_smac/verdict.json").exists()
    assert not (checkout / "results").exists()
    again = snakemake(small, "-s", str(checkout / "Snakefile"), "-n")
    assert jobs(again.stdout) == {}, again.stdout[-3000:]


def test_a_workflow_of_the_users_takes_the_rules_as_a_module(small):
    (small / "Snakefile").write_text(MODULE.format(checkout=ROOT), encoding="utf-8")
    done = snakemake(small)
    assert done.returncode == 0, done.stdout[-3000:]
    assert (small / "mine.txt").read_text() == "whole\n"
    assert executed(done.stdout)["train_agent"] == 2 * 2
    assert jobs(snakemake(small, "-n").stdout) == {}


def test_another_configfile_stands_in_place_of_the_shipped_one(small):
    config = yaml.safe_load((small / "config.yaml").read_text(encoding="utf-8"))
    config["sweeps"] = {"mine": config["sweeps"]["ppo_smac"]}
    (small / "mine.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    planned = snakemake(small, "-s", str(ROOT / "Snakefile"), "--configfile", "mine.yaml", "-n").stdout
    assert jobs(planned)["propose_trials_mine_0"] == 1
    assert "ppo_smac" not in planned


def test_a_mistake_is_blamed_on_the_file_that_has_it(small):
    (small / "mine.yaml").write_text("market: {}\n", encoding="utf-8")
    done = snakemake(small, "-s", str(ROOT / "Snakefile"), "--configfile", "mine.yaml", "-n")
    assert done.returncode != 0
    assert "mine.yaml, market: unknown key; did you mean markets?" in done.stdout


def test_a_dry_run_changes_nothing(finished, tmp_path):
    toy = finished.copy(tmp_path)
    run = toy.folder / "results/sweeps/ppo_smac/round_0/trial_0/fold_0/seed_0"
    (run / "policy.pt").write_bytes((run / "policy.pt").read_bytes()[:100])
    (run.parents[1] / "config.yaml").unlink()
    before = toy.bytes_of_results()
    said = toy.snakemake("-n")
    assert said.returncode == 0, said.stdout[-3000:]
    assert "policy.pt is damaged: a run of Snakemake removes it" in said.stdout
    assert toy.bytes_of_results() == before
    done = toy.snakemake()
    assert done.returncode == 0, done.stdout[-3000:]
    ran = executed(done.stdout)
    assert (ran["restore_trials_ppo_smac_0"], ran["train_agent"]) == (1, 1)


def test_results_that_were_copied_without_snakemakes_records_are_adopted_and_cost_nothing(finished, tmp_path):
    toy = Toy(tmp_path)
    shutil.copytree(finished.folder / "results", toy.folder / "results")
    for second, path in enumerate(sorted((toy.folder / "results").rglob("*"), reverse=True)):
        os.utime(path, (1e9 + second, 1e9 + second))  # as a copy does, in an order of its own
    assert jobs(toy.snakemake("-n").stdout)["train_agent"] == 16
    adopt_results(toy.folder)
    (toy.folder / "results/sweeps/ppo_smac/round_0/trial_0/fold_0/seed_0/returns.parquet").unlink()
    touched = toy.snakemake("--touch", "--forceall")  # as make adopt does
    assert touched.returncode == 0, touched.stdout[-3000:]
    assert jobs(toy.snakemake("-n").stdout)["train_agent"] == 1
    toy.config["features"] = {"turbulence_days": 30}
    toy.write_config()
    changed = jobs(toy.snakemake("-n").stdout)
    assert (changed["compute_features"], changed["split_folds"], changed["train_agent"]) == (1, 1, 16)


def test_results_that_are_not_as_they_were_made_are_named(finished, tmp_path):
    toy = finished.copy(tmp_path)
    fold = toy.folder / "results/markets/toy/folds/fold_1.npz"
    fold.write_bytes(fold.read_bytes() + b"x")
    with pytest.raises(
        SystemExit, match=r"fold_1\.npz: its sha256 is not that of fold_1\.json\n1 of \d+ files are not"
    ):
        adopt_results(toy.folder)


def test_text_is_utf_8_whatever_the_locale(small):
    """A locale of ASCII alone, without Python's own rescue, as ISO 8859-1 is elsewhere."""
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    target = "results/sweeps/ppo_smac/round_0/trial_0/score.json"
    done = snakemake(small, "-s", str(ROOT / "Snakefile"), target, **ascii_only)
    assert done.returncode == 0, done.stdout[-3000:]
    assert (small / target).exists()
