"""How every figure looks: one style, one colour a meaning, bytes that depend on the data alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from workflow_scripts.workflow.files import whole_file

# Okabe and Ito's palette, which the colour-blind can tell apart.
COLOURS = {
    "rank_1": "#0072B2",
    "rank_2": "#56B4E9",
    "rank_3": "#009E73",
    "default": "#E69F00",
    "untrained": "#999999",
    "benchmark": "#8C564B",
    "equal_weight": "#D55E00",
    "buy_and_hold": "#CC79A7",
    "index": "#7F3C8D",
    "oracle": "#000000",
}
METHOD_NAMES = {"fanova": "fANOVA", "ped_anova": "PED-ANOVA", "local": "local (LPI)"}


def colour(name: str) -> str:
    """Return the colour of a candidate or baseline."""
    return COLOURS.get(name, "#56B4E9")


def label(name: str) -> str:
    """Return a name as a reader would write it."""
    return {"rank_1": "incumbent (rank 1)"}.get(name, name.replace("_", " "))


@contextmanager
def figure(path: Path, width: float = 8.0, height: float = 4.5, legend_columns: int = 0) -> Iterator[Axes]:
    """Yield axes; save them as SVG, whole or not at all.

    Args:
        path: the file.
        width: in inches.
        height: in inches.
        legend_columns: the most columns of a legend below the axes, as far as they fit; 0 draws none.

    """
    style: Any = {
        "svg.hashsalt": "foldsweep",
        "svg.fonttype": "path",
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e5e5e5",
        "axes.axisbelow": True,
        "legend.frameon": False,
        "axes.titlelocation": "left",
    }
    with plt.rc_context(style):
        canvas, axes = plt.subplots(figsize=(width, height), layout="constrained")
        try:
            yield axes
            named = axes.get_legend_handles_labels()[1]
            for columns in range(legend_columns if named else 0, 0, -1):
                legend = canvas.legend(loc="outside lower center", ncols=columns)
                if columns == 1 or legend.get_window_extent().width <= canvas.bbox.width:
                    break
                legend.remove()
            with whole_file(path) as beside:
                canvas.savefig(beside, format="svg", metadata={"Date": None})
        finally:
            plt.close(canvas)
