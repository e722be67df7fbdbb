import pytest

from workflow_scripts.analysis.figures import figure


@pytest.mark.parametrize("entries", [2, 5])
def test_a_legend_is_as_wide_as_its_figure_at_most(tmp_path, entries):
    with figure(tmp_path / "plot.svg", legend_columns=4) as axes:
        for _ in range(entries):
            axes.plot([0, 1], [0, 1], label="trial ± standard error of its difference to the first trial")
    canvas = axes.figure
    (legend,) = canvas.legends
    box = legend.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= canvas.bbox.width


def test_short_labels_stand_in_as_many_columns_as_asked(tmp_path):
    with figure(tmp_path / "plot.svg", legend_columns=3) as axes:
        for name in "abc":
            axes.plot([0, 1], [0, 1], label=name)
    heights = {text.get_window_extent().y0 for text in axes.figure.legends[0].get_texts()}
    assert len(heights) == 1
