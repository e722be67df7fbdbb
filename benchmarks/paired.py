"""Differences that are paired by market, with what chance does to them."""

import statistics
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import ttest_1samp
from statsmodels.stats.multitest import multipletests

from workflow_scripts.sweeps.objectives import standard_error

SIZE = 0.05


def paired(values: Sequence[float], rivals: Sequence[float]) -> dict[str, float | None]:
    """Return the mean difference to a rival, its standard error, and the p-value of a t-test where there is one."""
    gaps = [value - rival for value, rival in zip(values, rivals, strict=True)]
    p_value = float(ttest_1samp(gaps, 0).pvalue) if len(gaps) > 1 and len(set(gaps)) > 1 else None
    return {"gap": statistics.mean(gaps), "gap_se": standard_error(np.array(gaps)), "p_value": p_value}


def correct_for_many(rows: Sequence[MutableMapping[str, Any]]) -> None:
    """Give each row that has a p-value the one that Holm (1979) corrects for as many comparisons."""
    compared = [row for row in rows if row["p_value"] is not None]
    if compared:
        corrected = multipletests([row["p_value"] for row in compared], method="holm")[1]
        for row, p_value in zip(compared, corrected, strict=True):
            row["p_value_of_many"] = float(p_value)


def told_apart(
    rows: Sequence[Mapping[str, Any]], name: Callable[[Mapping[str, Any]], str], rival: str, markets: int
) -> str:
    """Return in a sentence which rows are told apart from their rival.

    Args:
        rows: what ``correct_for_many`` has seen.
        name: how a row is spelled.
        rival: how that is spelled which they are compared with.
        markets: number of markets.

    """
    compared = [row for row in rows if "p_value_of_many" in row]
    if not compared:
        return f"Nothing is told apart from {rival}: {markets} planted markets with no difference, or too few of them."
    corrected, alone = (
        ", ".join(name(row) for row in compared if row[key] < SIZE) or "none" for key in ("p_value_of_many", "p_value")
    )
    return (
        f"Told apart from {rival} on {markets} markets at {SIZE:.0%}, by a t-test of the differences paired by market "
        f"that Holm corrects for {len(compared)} comparisons: {corrected}. Without the correction: {alone}."
    )
