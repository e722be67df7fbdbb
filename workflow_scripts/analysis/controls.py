"""What verdicts say of markets whose truth is known: a row for each market, and what is counted over them."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import binomtest

from workflow_scripts.workflow.wording import several

QUESTIONS = ("skill", "tuning", "selection")


def clopper_pearson(count: int, number: int, confidence: float) -> tuple[float, float]:
    """Return the exact interval of a probability by Clopper and Pearson (1934), from ``count`` of ``number`` cases."""
    interval = binomtest(count, number).proportion_ci(confidence, method="exact")
    return float(interval.low), float(interval.high)


def row_of(control: Mapping[str, Any], verdict: Mapping[str, Any], oracle: float | None, cpu: float) -> dict[str, Any]:
    """Return the row of a market of known truth.

    Args:
        control: its name, kind, strength, signal_strength and seed.
        verdict: what verdict.json says of the sweep on it.
        oracle: Sharpe ratio of the oracle on the test days; none of noise.
        cpu: CPU seconds of its jobs.

    """
    row = dict(control)
    for question in QUESTIONS:
        answer = verdict[question]
        row[question] = answer["answer"]
        row[f"{question}_p_value"], row[f"{question}_estimate"] = answer["p_value"], answer["estimate"]
        row[f"{question}_low"], row[f"{question}_high"] = answer["interval"] or (None, None)
    for name, candidate in (("tuned", "rank_1"), ("default", "default"), ("benchmark", "benchmark")):
        row[f"{name}_sharpe"] = verdict["rows"].get(candidate, {}).get("sharpe", {}).get("estimate")
    # Of one configuration nothing is compared: its difference is zero, and has no p-value.
    tuning = verdict["tuning"]
    row["tuned_is_default"] = tuning["estimate"] is not None and tuning["p_value"] is None
    return row | {"oracle_sharpe": oracle, "cpu_seconds": round(cpu, 2)}


def summary(table: pd.DataFrame, confidence: float) -> dict[str, Any]:
    """Return what is counted over the rows of the markets.

    Args:
        table: a row for each, with the columns of ``row_of``.
        confidence: coverage of the intervals of rates.

    """
    noise, planted = table[table["signal_strength"] == 0], table[table["signal_strength"] > 0]
    by_strength = dict(list(planted.sort_values("signal_strength").groupby("strength", sort=False)))
    return {
        "noise": _counted(noise, confidence) if len(noise) else None,
        "planted": {
            str(strength): {"signal_strength": float(rows["signal_strength"].iloc[0]), **_counted(rows, confidence)}
            for strength, rows in by_strength.items()
        },
        "confidence": confidence,
        "seeds": sorted({int(seed) for seed in table["seed"]}),
        "cpu_hours": round(float(table["cpu_seconds"].sum()) / 3600, 3),
    }


def _counted(rows: pd.DataFrame, confidence: float, by_kind: bool = True) -> dict[str, Any]:
    claims = int((rows["skill"] == "yes").sum())
    others = rows[~rows["tuned_is_default"]].dropna(subset=["tuned_sharpe", "default_sharpe"])
    counted: dict[str, Any] = {
        "markets": len(rows),
        "claims": claims,
        "rate": claims / len(rows),
        "interval": clopper_pearson(claims, len(rows), confidence),
        "tuning_claims": int((rows["tuning"] == "yes").sum()),
        "selection_claims": int((rows["selection"] == "yes").sum()),
        "unjudged": int((rows["skill_p_value"].isna()).sum()),
        "tuner": {
            "chose_the_default": int(rows["tuned_is_default"].sum()),
            "chose_another": len(others),
            "beat_the_default": int((others["tuned_sharpe"] > others["default_sharpe"]).sum()),
        },
    }
    if rows["oracle_sharpe"].notna().any():
        # Of what is no gain there are no shares.
        oracle = rows["oracle_sharpe"].where(rows["oracle_sharpe"] > 0)
        gain = (rows["oracle_sharpe"] - rows["benchmark_sharpe"]).where(lambda each: each > 0)
        counted |= {
            "oracle_sharpe": _median(rows["oracle_sharpe"]),
            "share_of_oracle": _median(rows["tuned_sharpe"] / oracle),
            "share_of_oracles_gain": _median((rows["tuned_sharpe"] - rows["benchmark_sharpe"]) / gain),
        }
    if by_kind:
        counted["by_kind"] = {str(kind): _counted(own, confidence, False) for kind, own in rows.groupby("kind")}
    return counted


def _median(values: pd.Series) -> float | None:
    return None if values.isna().all() else float(values.median())


def sentences(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield what ``summary`` counted, a sentence for noise and one for each strength."""
    if noise := content["noise"]:
        yield f"Nothing to find: {_claimed(noise)}. {_tuned(noise['tuner'])}."
    for strength, planted in content["planted"].items():
        of_oracle = ""
        if (sharpe := planted.get("oracle_sharpe")) is not None:
            of_oracle = f"; in the median the oracle has Sharpe {sharpe:.2f}"
            share, of_gain = planted["share_of_oracle"], planted["share_of_oracles_gain"]
            shares = [] if share is None else [f"{share:.0%} of that"]
            shares += [] if of_gain is None else [f"{of_gain:.0%} of its gain over the benchmark"]
            of_oracle += f", and the tuned agent {', '.join(shares)}" if shares else ""
        yield f"Planted, {strength}: {_claimed(planted)}{of_oracle}. {_tuned(planted['tuner'])}."
    yield f"{content['cpu_hours']:.2f} CPU hours."


def _claimed(counted: Mapping[str, Any]) -> str:
    low, high = counted["interval"]
    return (
        f"skill was claimed on {counted['claims']} of {several(counted['markets'], 'market')} "
        f"({counted['rate']:.0%} [{low:.0%}, {high:.0%}])"
    )


def _tuned(tuner: Mapping[str, int]) -> str:
    return (
        f"The tuner chose another configuration than the default on {tuner['chose_another']}, which earned the larger "
        f"Sharpe ratio on the test days of {tuner['beat_the_default']}"
    )


def cpu_seconds(*folders: Path) -> float:
    """Return the CPU seconds of all jobs that say below these folders what they took."""
    total = 0.0
    for path in (path for folder in folders for path in folder.rglob("[!.]*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                try:
                    total += float(row["cpu_time"])
                except (KeyError, ValueError):  # Snakemake writes a dash where it saw nothing
                    continue
    return total
