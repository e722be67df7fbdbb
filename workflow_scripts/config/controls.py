"""Controls: a sweep's settings on markets of known truth, as a configuration that stands in place of the user's."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Annotated, Any, Literal

from pydantic import Field

from workflow_scripts.workflow.model import SettingError, Settings
from workflow_scripts.workflow.paths import MARKET, OF_CONTROLS

TARGET = "controls"
# A working folder of its own, so that whatever looks at results can look at those of controls.
FOLDER = OF_CONTROLS
LABEL = "[a-z0-9]+"
NAMES = f"control_(?:gaussian|own)_{LABEL}_[0-9]+"


class Controls(Settings):
    """Markets of known truth, on which `snakemake controls` repeats a sweep."""

    sweep: str | None = Field(default=None, description="the sweep to repeat, by name; null takes the first")
    kinds: tuple[Literal["gaussian", "own"], ...] = Field(
        default=("own",),
        min_length=1,
        description="laws of the markets (source `control`): `gaussian` returns, or the days of the sweep's `own` "
        "market in another order",
    )
    strengths: dict[Annotated[str, Field(pattern=f"^{LABEL}$")], Annotated[float, Field(ge=0, le=1)]] = Field(
        default={"none": 0.0, "strong": 0.15},
        min_length=1,
        description="what is planted, by a name of your choice: `signal_strength` of source `control`; 0 is noise",
    )
    markets: int = Field(default=1, ge=1, le=10_000, description="markets of each kind and strength")
    seed: int = Field(default=0, ge=0, lt=2**31, description="seed of the first of them; the next has the next seed")
    block_days: float = Field(
        default=1, ge=1, le=10_000, description="kind `own`: mean length of the stretches of days that stay together"
    )
    rounds: int | None = Field(default=None, ge=1, le=10_000, description="fewer rounds; null takes the sweep's")
    budget: int | None = Field(default=None, ge=1, le=2**31 - 1, description="a lower budget; null takes the sweep's")
    tuning_seeds: int | None = Field(
        default=None, ge=1, le=1000, description="how many of `seeds.tuning` to take; null takes all"
    )
    final_seeds: int | None = Field(
        default=None, ge=2, le=1000, description="how many of `seeds.final` to take; null takes all"
    )


# Options of Snakemake after which a word is a file or folder of the user's, whatever it is called.
NAME_A_FILE = ("-d", "--directory", "-s", "--snakefile", "--configfile", "--configfiles", "--profile", "--report")


def asked_for(words: Sequence[str]) -> bool:
    """Return whether a command line of Snakemake asks for controls, or is that of a job of theirs.

    A job on another machine reads the workflow again, and its command line names the job (``--target-jobs``).
    """
    of_job = re.compile(rf"\w*_{TARGET}:|\w*{NAMES}\w*:|\w+:(?:.*,)?(?:market|sweep)={NAMES}(?:_window_[0-9]+)?(?:,|$)")
    named = [word for before, word in pairwise(("", *words)) if before not in NAME_A_FILE]
    return any(word == TARGET or word.startswith(f"{FOLDER}/") or of_job.match(word) for word in named)


def refuse_names_of_controls(group: str, names: Mapping[str, object]) -> None:
    """Refuse the names that controls have.

    Raises:
        SettingError: a market or a sweep has such a name.

    """
    for name in names:
        if re.fullmatch(NAMES, name):
            raise SettingError((group, name), "is spelled as the names of controls are: choose another")


@dataclass(frozen=True)
class Control:
    """A market of known truth.

    Attributes:
        name: its name, and that of the sweep on it.
        kind: its law.
        strength: what is planted, by name.
        signal_strength: the same as a number; 0 is noise.
        seed: its seed.

    """

    name: str
    kind: str
    strength: str
    signal_strength: float
    seed: int


def listed(controls: Controls) -> list[Control]:
    """Return all markets of known truth; those of one number share a seed: one draw, whatever is planted."""
    return [
        Control(f"control_{kind}_{strength}_{number}", kind, strength, planted, controls.seed + number)
        for kind, (strength, planted), number in product(
            controls.kinds, controls.strengths.items(), range(controls.markets)
        )
    ]


def chosen_sweep(values: Mapping[str, Any], controls: Controls) -> str:
    """Return the name of the sweep that controls repeat.

    Raises:
        SettingError: there is no such sweep.

    """
    name = next(iter(values["sweeps"])) if controls.sweep is None else controls.sweep
    if name not in values["sweeps"]:
        raise SettingError(
            (TARGET, "sweep"), f"{name!r} is not among the sweeps: {', '.join(sorted(values['sweeps']))}"
        )
    return name


def control_values(values: Mapping[str, Any], controls: Controls, market_keys: Sequence[str]) -> dict[str, Any]:
    """Return what config.yaml would spell if its sweep were to run on every control in place of its market.

    Args:
        values: what config.yaml spells, known to be right.
        controls: its section of that name.
        market_keys: what a control takes from the sweep's market.

    Raises:
        SettingError: there is no such sweep.

    """
    # What it starts from was tuned on a market that a control is not.
    sweep = {
        key: value for key, value in values["sweeps"][chosen_sweep(values, controls)].items() if key != "warm_start"
    }
    sweep |= {key: value for key in ("rounds", "budget") if (value := getattr(controls, key)) is not None}
    name = sweep["market"]
    market = {key: value for key, value in values["markets"][name].items() if key in market_keys}
    market |= {
        "source": "control",
        "path": f"{MARKET}/bars.parquet".format(market=name),
        "before": market["test_start"],
    }
    markets = {
        control.name: market
        | {"law": control.kind, "signal_strength": control.signal_strength, "seed": control.seed}
        | ({"block_days": controls.block_days} if control.kind == "own" else {})
        for control in listed(controls)
    }
    sweeps = {name: {**sweep, "market": name} for name in markets}
    rest = {key: value for key, value in values.items() if key != "orders"}  # which may name a sweep of the user's
    return {**rest, "markets": markets, "sweeps": sweeps}
