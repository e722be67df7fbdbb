import pytest

from workflow_scripts.workflow.wording import several, spell


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, ""), (0.2, "1 s"), (89.4, "89 s"), (600, "10 min"), (7200, "2.0 h")]
)
def test_seconds_are_said_as_a_person_says_them(seconds, said):
    assert spell(seconds) == said


def test_one_is_no_plural():
    assert [several(count, "run") for count in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
