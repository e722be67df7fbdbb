"""What fails in training is a result; what fails in the machine is none."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.toy import Toy, executed

SWEEP = "results/sweeps/ppo_smac"
BURSTING = '''
"""PPO whose objective is infinite at the largest learning rate that there is."""

from workflow_scripts.training.agents.ppo import PPO


class Bursting(PPO):
    def objective(self, logprob, collected, advantage):
        gain = super().objective(logprob, collected, advantage)
        return gain / 0 if self.learning_rate == 1 else gain
'''


@pytest.fixture
def bursting(toy):
    """A toy whose agent diverges at a learning rate of 1."""
    (toy.folder / "bursting.py").write_text(BURSTING, encoding="utf-8")
    toy.config["search_spaces"]["ppo"]["batch_size"]["default"] = 16
    toy.config["sweeps"]["ppo_smac"] |= {"agent": "bursting:Bursting", "search_space": "ppo"}
    return toy


@pytest.mark.slow
def test_a_diverging_trial_has_no_score_and_the_sweep_goes_on(bursting):
    toy = bursting
    rates = {"type": "categorical", "choices": [3.0e-4, 1.0], "default": 3.0e-4}
    toy.config["search_spaces"]["ppo"]["learning_rate"] = rates
    toy.config["sweeps"]["ppo_smac"] |= {"initial_design": 4, "round_size": 4, "rounds": 1}
    toy.write_config()
    done = toy.snakemake(f"{SWEEP}/trials.csv")
    assert done.returncode == 0, done.stdout[-3000:]
    scores = [json.loads(path.read_text()) for path in (toy.folder / SWEEP).glob("round_0/trial_*/score.json")]
    wild = [score for score in scores if score["configuration"]["learning_rate"] == 1]
    assert 0 < len(wild) < 4
    assert all(score["status"] == "failed" and score["score"] is None for score in wild)
    assert all("not finite" in score["reason"] for score in wild)
    assert all(score["status"] == "ok" for score in scores if score not in wild)


@pytest.mark.slow
def test_a_sweep_whose_every_trial_failed_stops_with_the_most_common_reason(bursting):
    toy = bursting
    toy.config["search_spaces"]["ppo"]["learning_rate"] = {"type": "constant", "default": 1.0}
    toy.write_config()
    done = toy.snakemake()
    assert done.returncode != 0
    assert "ValueError: none of 2 trials of ppo_smac has a score; most often: the loss is not finite" in done.stdout
    assert "propose_trials_ppo_smac_1" in executed(done.stdout)


TRIAL = f"{SWEEP}/round_0/trial_0"
RUN = f"{TRIAL}/fold_0/seed_0"
FOLD = "results/markets/toy/folds/fold_0.npz"


def verb(toy, module, *arguments, before=(), **options):
    """Run a rule's verb by hand, in the folder of a toy."""
    return subprocess.run(
        [*before, sys.executable, "-m", f"workflow_scripts.{module}", *map(str, arguments)],
        cwd=toy.folder,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def train(toy, outputs, config=f"{TRIAL}/config.yaml", fold=FOLD, more=(), **options):
    files = [f"--{name}={outputs / name}.out" for name in ("policy", "sharpe", "returns", "weights", "curves")]
    settings = ("--seed=0", "--training.num-envs=2", "--training.device=cpu", *more)
    return verb(toy, "training.train_agent", f"--config={config}", f"--fold={fold}", *settings, *files, **options)


def damaged_copy(toy, path, folder, size):
    """Return a copy of one of a toy's files, in folders of the same names, that ends after ``size`` bytes."""
    copy = folder / path
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes((toy.folder / path).read_bytes()[:size])
    return copy


def test_a_full_disk_is_no_result_and_leaves_nothing_half_written(finished, tmp_path):
    limit = (4096, 4096)
    done = train(finished, tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("OSError: [Errno 27] File too large")
    assert list(tmp_path.iterdir()) == []


def test_results_that_cannot_be_written_are_named_and_no_result(finished, tmp_path):
    tmp_path.chmod(0o555)
    # The superuser may write anywhere; without this capability root is refused as everybody is.
    as_user = () if os.geteuid() else ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    done = train(finished, tmp_path, before=as_user)
    tmp_path.chmod(0o755)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("PermissionError: [Errno 13] Permission denied")
    assert str(tmp_path) in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_out_of_memory_is_an_error_until_the_last_attempt_and_then_a_result(finished, tmp_path):
    # A rollout of a million vector steps of 65,536 portfolios is 275 GB an array; the process may have 6 GB in all.
    config = tmp_path.with_name("config.yaml")
    text = (finished.folder / TRIAL / "config.yaml").read_text()
    config.write_text(re.sub(r"(budget|horizon_len): \d+", r"\1: 1048576", text))
    wide = ("--training.num-envs=65536",)
    limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))}
    done = train(finished, tmp_path, config, more=(*wide, "--no-last-attempt"), **limit)
    assert done.returncode == 1
    assert list(tmp_path.iterdir()) == []
    done = train(finished, tmp_path, config, more=(*wide, "--last-attempt"), **limit)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "sharpe.out").read_text())
    assert result["status"] == "failed"
    assert "memory" in result["reason"]


def test_a_training_that_hangs_past_its_time_is_a_failed_run(finished, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(
        re.sub(r"budget: \d+", "budget: 1000000000", (finished.folder / TRIAL / "config.yaml").read_text())
    )
    done = train(finished, tmp_path, config, more=("--training.limit-minutes=0.02",))
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "sharpe.out").read_text())
    assert (result["status"], result["sharpe"]) == ("failed", None)
    assert result["reason"].startswith("out of time: the training took longer than limit_minutes 0.02")


@pytest.mark.slow
def test_an_exception_in_a_run_is_tried_again_and_then_stops_the_job_with_its_traceback(toy):
    verb_file = toy.folder / "workflow_scripts/training/train_agent.py"
    verb_file.write_text(
        verb_file.read_text().replace("    trial = read_trial(config)\n", "    trial = config.name[0] / 0\n")
    )
    done = toy.snakemake(f"{RUN}/sharpe.json")
    assert done.returncode != 0
    assert done.stdout.count("Error in rule train_agent") == 3
    assert "TypeError: unsupported operand" in done.stdout
    attempts = [f"train_agent.attempt_{number}.log" for number in (1, 2, 3)]
    left = sorted(path.name for path in (toy.folder / RUN).iterdir())
    assert left == [*attempts, "train_agent.log", "train_agent.tsv"]
    assert all("TypeError: unsupported operand" in (toy.folder / RUN / name).read_text() for name in attempts)


def test_a_truncated_fold_stops_the_run_with_its_remedy(finished, tmp_path):
    fold = damaged_copy(finished, Path(FOLD), tmp_path, 5000)
    fold.with_suffix(".json").write_bytes((finished.folder / FOLD).with_suffix(".json").read_bytes())
    done = train(finished, tmp_path, fold=fold)
    assert done.returncode == 1
    assert "fold_0.npz is damaged (sha256" in done.stderr.splitlines()[-1]
    assert "delete it and run Snakemake again" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("path", "size", "module", "arguments"),
    [
        (
            f"{RUN}/sharpe.json",
            40,
            "sweeps.score_trial",
            (f"--config={TRIAL}/config.yaml", "--runs={path}", "--score={out}"),
        ),
        (
            f"{TRIAL}/config.yaml",
            30,
            "sweeps.score_trial",
            ("--config={path}", f"--runs={RUN}/sharpe.json", "--score={out}"),
        ),
        (
            f"{TRIAL}/score.json",
            100,
            "sweeps.collect_trials",
            (
                "--agent=ppo",
                *("--scores={path}", "--top=1", "--trials={out}", "--incumbent={out}"),
            ),
        ),
        (
            f"{SWEEP}/backtest/rank_1/seed_10/returns.parquet",
            100,
            "analysis.plot_equity",
            *[
                (
                    "--sweep=toy",
                    "--backtests={path}",
                    f"--baselines={SWEEP}/backtest/equal_weight/returns.parquet",
                    "--plot={out}",
                )
            ],
        ),
        (
            "results/markets/toy/baselines/fold_0.parquet",
            100,
            "analysis.plot_progress",
            ("--sweep=toy", f"--scores={TRIAL}/score.json", "--baselines={path}", "--plot={out}"),
        ),
        (
            f"{SWEEP}/importance.json",
            100,
            "analysis.plot_importance",
            ("--sweep=toy", "--importance={path}", "--plot={out}"),
        ),
        (
            f"{SWEEP}/trials.csv",
            5,
            "analysis.estimate_importance",
            ("--trials={path}", "--space={{}}", "--resamples=2", "--permutations=19", "--importance={out}"),
        ),
    ],
    ids=lambda value: Path(value).name if isinstance(value, str) and "/" in value else "",
)
def test_a_truncated_file_is_named_with_its_remedy_and_nothing_is_written(
    finished, tmp_path, path, size, module, arguments
):
    copy = damaged_copy(finished, Path(path), tmp_path, size)
    out = tmp_path / "out.svg"
    done = verb(finished, module, *(argument.format(path=copy, out=out) for argument in arguments))
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert f"{copy} is damaged" in said
    assert "delete it and run Snakemake again" in said
    assert not out.exists()


def test_a_truncated_manifest_is_named_before_anything_runs(finished, tmp_path):
    toy = Toy(shutil.copytree(finished.folder, tmp_path / "toy"))
    damaged_copy(finished, Path(SWEEP) / "round_1/proposals.json", toy.folder, 300)
    done = toy.snakemake("-n")
    assert done.returncode != 0
    assert "round_1/proposals.json is no manifest of a round (" in done.stdout
    assert "restore it, or delete the rounds from this one on" in done.stdout
