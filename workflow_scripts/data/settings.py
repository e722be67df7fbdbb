"""Settings of days, folds and features."""

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from workflow_scripts.data.periods import look_back
from workflow_scripts.workflow.model import SettingError, Settings


def iso_day(value: Any) -> str:
    """Return a day as ISO 8601 has it, which YAML reads as a date where it stands without quotes.

    Raises:
        ValueError: there is no such day.

    """
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    try:
        day = date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        day = None
    if day is None or day != value:
        raise ValueError(f"{value} is not a day of the calendar: write YYYY-MM-DD")
    return day


Day = Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), BeforeValidator(iso_day)]
IN_DAYS = ("count", "train_days", "validation_days", "purge_days", "window", "anchor")
IN_FRACTIONS = ("n_folds", "train_ratio", "expanding", "gap_days")
IN_COMBINATIONS = ("scheme", "n_folds", "n_test_folds", "purge_days", "embargo_days")


class FeatureSettings(Settings):
    """What an agent sees of every market."""

    turbulence_days: int = Field(
        default=252,
        ge=20,
        le=10**6,
        description="trailing days whose mean and covariance turbulence compares a day with; as many first days of a "
        "market are its warm-up",
    )


class FoldSettings(Settings):
    """How the days before test_start are cut into folds.

    Walk-forward ones in days or, with n_folds, in fractions; or combinatorial ones.
    """

    scheme: Literal["walk_forward", "combinatorial"] = Field(
        default="walk_forward",
        description="`walk_forward`: training comes before validation; `combinatorial`: of n_folds parts each choice "
        "of n_test_folds validates once, and the others train",
    )
    count: int = Field(default=3, ge=1, le=10_000, description="number of folds")
    train_days: int = Field(
        default=1008, ge=2, le=10**6, description="days of a training window (of the first one if expanding)"
    )
    validation_days: int = Field(
        default=252, ge=2, le=10**6, description="days of a validation window, and the step from fold to fold"
    )
    purge_days: int = Field(
        default=5,
        ge=0,
        le=10**6,
        description="days dropped between training and validation; combinatorial: no fewer than features reach back to",
    )
    window: Literal["rolling", "expanding"] = Field(
        default="rolling",
        description="`rolling`: training windows of equal length; `expanding`: from the first day",
    )
    anchor: Literal["start", "end"] = Field(
        default="start",
        description="`start`: folds follow each other from the market's first day on; `end`: they are cut backwards "
        "from `test_start`",
    )
    n_folds: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="fractions: number of folds, into which the days after the first training go; combinatorial: "
        "number of parts, three or more",
    )
    train_ratio: float = Field(
        default=0.7, gt=0, lt=1, description="fractions: share of the days that the first training window takes"
    )
    expanding: bool = Field(default=False, description="fractions: whether all training windows start on the first day")
    gap_days: int = Field(
        default=5, ge=0, le=10**6, description="fractions: days dropped between training and validation"
    )
    n_test_folds: int = Field(
        default=2,
        ge=2,
        le=10_000,
        description="combinatorial: number of parts that validate in a fold, fewer than n_folds",
    )
    embargo_days: int = Field(
        default=253,
        ge=0,
        le=10**6,
        description="combinatorial: days dropped after validation, the purged ones among them; no fewer than features "
        "reach back to, which is the longer of turbulence_days and 60 days, and one day",
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_mixed_forms(cls, values: Any) -> Any:
        # A command line spells every key; and a key that nobody reads is refused after this.
        if not isinstance(values, Mapping) or not set(values) < set(cls.model_fields):
            return values
        if values.get("scheme") == "combinatorial":
            if mixed := [key for key in values if key in cls.model_fields and key not in IN_COMBINATIONS]:
                raise SettingError(
                    (mixed[0],), f"does not go with scheme combinatorial, which has {', '.join(IN_COMBINATIONS[1:])}"
                )
            if values.get("n_folds") is None:
                raise SettingError(("n_folds",), "is required with scheme combinatorial: the number of parts")
            return values
        if foreign := [key for key in IN_COMBINATIONS if key in values and key in ("n_test_folds", "embargo_days")]:
            raise SettingError((foreign[0],), "belongs to scheme combinatorial")
        fractions = [key for key in IN_FRACTIONS if values.get(key) is not None]
        mixed = [key for key in IN_DAYS if key in values]
        if fractions and "n_folds" not in fractions:
            raise SettingError((fractions[0],), "belongs to folds in fractions, which need n_folds, their number")
        if fractions and mixed:
            raise SettingError(
                (mixed[0],),
                f"does not go with n_folds: folds are in days ({', '.join(IN_DAYS)}) or in fractions "
                f"({', '.join(IN_FRACTIONS)})",
            )
        return values

    @model_validator(mode="after")
    def _leaves_parts_to_train(self) -> Self:
        if self.scheme == "combinatorial" and self.n_test_folds >= (self.n_folds or 0):
            raise SettingError(
                ("n_test_folds",), f"{self.n_test_folds} of {self.n_folds} parts validate, which leaves none to train"
            )
        return self

    @property
    def number(self) -> int:
        """Number of folds, in every form."""
        if self.scheme == "combinatorial":
            return math.comb(self.n_folds or 0, self.n_test_folds)
        return self.count if self.n_folds is None else self.n_folds

    @property
    def dropped_days(self) -> int:
        """Days dropped between training and validation, in every form."""
        return self.gap_days if self.form is IN_FRACTIONS else self.purge_days

    @property
    def form(self) -> tuple[str, ...]:
        """The keys of the form that holds."""
        if self.scheme == "combinatorial":
            return IN_COMBINATIONS
        return IN_DAYS if self.n_folds is None else IN_FRACTIONS

    def of_form(self) -> dict[str, Any]:
        """Return the settings of the form that holds, as a command line has them."""
        return self.model_dump(include=set(self.form))

    def require_look_back(self, turbulence_days: int) -> None:
        """Refuse combinatorial folds whose training days see validation days in their features, or the reverse.

        Raises:
            SettingError: fewer days are dropped than features reach back to.

        """
        needed = look_back(turbulence_days)
        for key in ("purge_days", "embargo_days") if self.scheme == "combinatorial" else ():
            if (dropped := getattr(self, key)) < needed:
                raise SettingError(
                    (key,),
                    f"{dropped} days are fewer than the {needed} that features reach back to (turbulence_days "
                    f"{turbulence_days}): with scheme combinatorial days would train that have seen validation days; "
                    f"set it to {needed}, or lower features.turbulence_days",
                )

    def resolve(self, days: int) -> "FoldSettings":
        """Return the settings in days: fractions depend on how many days there are.

        Raises:
            ValueError: fractions leave no validation days.

        """
        if self.n_folds is None or self.form is not IN_FRACTIONS:
            return self
        train_days = int(days * self.train_ratio)
        validation_days = (days - train_days - self.gap_days) // self.n_folds
        if train_days < 2 or validation_days < 2:
            raise ValueError(
                f"n_folds {self.n_folds}, train_ratio {self.train_ratio} and gap_days {self.gap_days} leave "
                f"{train_days} training and {validation_days} validation days of {days}: lower n_folds or gap_days"
            )
        return FoldSettings.of(
            {
                "count": self.n_folds,
                "train_days": train_days,
                "validation_days": validation_days,
                "purge_days": self.gap_days,
                "window": "expanding" if self.expanding else "rolling",
            }
        )
