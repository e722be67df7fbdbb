import pytest

from workflow_scripts.workflow.wording import probable, several, spell


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, ""), (0.2, "1 s"), (89.4, "89 s"), (600, "10 min"), (7200, "2.0 h")]
)
def test_seconds_are_said_as_a_person_says_them(seconds, said):
    assert spell(seconds) == said


def test_one_is_no_plural():
    assert [several(count, "run") for count in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]


@pytest.mark.parametrize(
    ("p_value", "said"), [(0.0, "p < 0.001"), (0.0009, "p < 0.001"), (0.0018, "p 0.0018"), (0.86, "p 0.86")]
)
def test_no_p_value_is_said_to_be_zero(p_value, said):
    assert probable(p_value) == said
