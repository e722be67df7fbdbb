"""What fails in training is a result; what fails in the machine is none."""

import json
import resource
import subprocess
import sys

import pytest

from tests.workflow.toy import executed

SWEEP = "results/sweeps/ppo_smac"


@pytest.mark.slow
def test_a_diverging_trial_has_no_score_and_the_sweep_goes_on(toy):
    rates = {"type": "categorical", "choices": [3.0e-4, 1.0e30], "default": 3.0e-4}
    toy.config["search_spaces"]["ppo"]["learning_rate"] = rates
    toy.config["sweeps"]["ppo_smac"] |= {"initial_design": 4, "round_size": 4, "rounds": 1}
    toy.write_config()
    done = toy.snakemake(f"{SWEEP}/trials.csv")
    assert done.returncode == 0, done.stdout[-3000:]
    scores = [json.loads(path.read_text()) for path in (toy.folder / SWEEP).glob("round_0/trial_*/score.json")]
    wild = [score for score in scores if score["configuration"]["learning_rate"] == 1e30]
    assert 0 < len(wild) < 4
    assert all(score["status"] == "failed" and score["score"] is None for score in wild)
    assert all("not finite" in score["reason"] for score in wild)
    assert all(score["status"] == "ok" for score in scores if score not in wild)


@pytest.mark.slow
def test_a_sweep_whose_every_trial_failed_stops_with_the_most_common_reason(toy):
    toy.config["search_spaces"]["ppo"]["learning_rate"] = {"type": "constant", "default": 1.0e30}
    toy.write_config()
    done = toy.snakemake()
    assert done.returncode != 0
    assert "ValueError: none of 2 trials of ppo_smac has a score; most often: the loss is not finite" in done.stdout
    assert "propose_trials_ppo_smac_1" in executed(done.stdout)


def test_a_full_disk_is_no_result_and_leaves_nothing_half_written(finished, tmp_path):
    run = finished.folder / SWEEP / "round_0/trial_0"
    files = [f"--{name}={tmp_path / name}.out" for name in ("policy", "sharpe", "returns")]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "workflow_scripts.training.train_agent", f"--config={run / 'config.yaml'}"),
            *(f"--fold={finished.folder / 'results/markets/toy/folds/fold_0.npz'}", "--seed=0"),
            *("--training.num-envs=2", "--training.device=cpu", *files),
        ],
        cwd=finished.folder,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("OSError: [Errno 27] File too large")
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_fold_stops_the_run_with_its_remedy(finished, tmp_path):
    fold = tmp_path / "fold_0.npz"
    source = finished.folder / "results/markets/toy/folds/fold_0.npz"
    fold.write_bytes(source.read_bytes()[:5000])
    fold.with_suffix(".json").write_bytes(source.with_suffix(".json").read_bytes())
    files = [f"--{name}={tmp_path / name}.out" for name in ("policy", "sharpe", "returns")]
    config = finished.folder / SWEEP / "round_0/trial_0/config.yaml"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "workflow_scripts.training.train_agent", f"--config={config}", f"--fold={fold}"),
            *("--seed=0", *files),
        ],
        cwd=finished.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "fold_0.npz is damaged (sha256" in done.stderr.splitlines()[-1]
    assert "delete it and run Snakemake again" in done.stderr.splitlines()[-1]
