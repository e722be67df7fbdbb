import pytest

from workflow_scripts.workflow.usage import COLUMNS, read_usage, write_usage


def test_what_is_written_is_read_back(tmp_path):
    write_usage(tmp_path / "train_agent.tsv")
    took = read_usage(tmp_path / "train_agent.tsv")
    assert tuple(took) == COLUMNS
    assert all(number > 0 for number in took.values())


@pytest.mark.parametrize(
    "text", ["", "s\tmax_rss\tcpu_time\n", "s\tmax_rss\tcpu_time\n9.00\t300.00\n", "s\tcpu_time\n9.00\tNA\n"]
)
def test_a_damaged_file_is_named(tmp_path, text):
    path = tmp_path / "train_agent.tsv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"train_agent\.tsv is damaged \(.+\): delete it"):
        read_usage(path)
