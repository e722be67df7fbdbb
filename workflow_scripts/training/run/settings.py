"""What every run has in common: the settings of a training. No torch here."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from workflow_scripts.training.networks.shape import Architecture
from workflow_scripts.workflow.model import Settings

DeviceChoice = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "tf32", "bfloat16"]
MINUTES_A_YEAR = 525_600
MOST_TOGETHER = 256
# On an H200 a run of 16 portfolios made half the vector steps of one core, and a run of 512 five times as many
# (docs/running.md, What a GPU brings). Nothing was measured between them.
PORTFOLIOS_FOR_A_GPU = 256
# Settings that no result depends on: when to save or to give up, who else is on the device, how a run starts.
CHANGES_NO_RESULT = ("limit_minutes", "checkpoint_minutes", "runs_per_gpu", "together", "warm_workers")


class TrainingSettings(Settings):
    """What every run has in common."""

    num_envs: int = Field(
        default=16,
        ge=2,
        le=2**16,
        description="portfolios that train side by side on the one market path; a budget of B vector steps is "
        "B × num_envs env-steps",
    )
    architecture: Architecture = Field(
        default="shared",
        description="`shared`: one scorer for every ticker; `flat`: elegantrl's MLP over all numbers",
    )
    initial_log_std: float = Field(
        default=-0.5,
        ge=-5,
        le=1,
        description="logarithm of the exploration noise's standard deviation before the first update",
    )
    device: DeviceChoice = Field(
        default="auto",
        description="`auto` takes CUDA where the planning machine has it, from 256 portfolios on, since fewer train "
        "faster on cores, or where `together` is set or CUDA_VISIBLE_DEVICES names a GPU; on a CPU no gpu resource is "
        "asked for",
    )
    precision: Precision = Field(
        default="float32", description="how CUDA multiplies matrices; a CPU always takes float32"
    )
    deterministic: bool = Field(
        default=False,
        description="whether CUDA repeats itself to the bit, for a slower training; a CPU always does",
    )
    runs_per_gpu: int = Field(
        default=1,
        ge=1,
        le=256,
        description="processes that share a GPU and its memory; `--resources gpu=` counts the runs in all of them",
    )
    together: int | None = Field(
        default=None,
        ge=1,
        le=MOST_TOGETHER,
        description="runs of equal shape that one process trains side by side; null: on CUDA as many as its memory "
        "allows, on a CPU 1",
    )
    snapshot: Literal["last", "best_in_training", "best_in_holdout"] = Field(
        default="last",
        description="the policy that a training results in: `last`, or of eight on the way the one with the highest "
        "Sharpe ratio on the training window, or on days at its end that are held out of the training",
    )
    holdout_share: float = Field(
        default=0.2, gt=0, lt=1, description="`best_in_holdout`: share of the training window's days that is held out"
    )
    holdout_purge_days: int = Field(
        default=5, ge=0, le=10**6, description="`best_in_holdout`: days dropped before those that are held out"
    )
    limit_minutes: float | None = Field(
        default=None,
        gt=0,
        le=MINUTES_A_YEAR,
        description="wall minutes after which a training is given up as failed; null gives it all the time it takes",
    )
    checkpoint_minutes: float = Field(
        default=5.0,
        ge=0,
        le=MINUTES_A_YEAR,
        description="wall minutes between two checkpoints, from which a killed run goes on",
    )
    warm_workers: bool = Field(
        default=True,
        description="whether trainings on this machine start from one process that has torch loaded, instead of "
        "loading it themselves; same bytes either way",
    )

    def wanted_device(self, environment: Mapping[str, str]) -> DeviceChoice:
        """Return ``device``; ``auto`` is a CPU for few portfolios.

        It is not where ``together`` asks for company, which is worth its while on a GPU, or where CUDA_VISIBLE_DEVICES
        hands over a device.
        """
        few = self.num_envs < PORTFOLIOS_FOR_A_GPU and (self.together or 1) == 1
        handed_over = environment.get("CUDA_VISIBLE_DEVICES")
        return "cpu" if self.device == "auto" and few and not handed_over else self.device

    def on_results(self) -> dict[str, Any]:
        """Return the settings that a result depends on."""
        return self.model_dump(exclude=set(CHANGES_NO_RESULT))
