from typing import Literal

import pytest
from pydantic import Field

from workflow_scripts.workflow.model import SettingError, Settings


class Walk(Settings):
    pace: float = Field(1.0, gt=0, description="metres per second")
    steps: int = Field(10, ge=1, description="steps")
    gates: tuple[int, ...] = Field((), description="steps at which to turn")
    gait: Literal["walk", "run"] = Field("walk", description="how")


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"pce": 2}, "pce: unknown key; did you mean pace?"),
        ({"colour": 2}, "colour: unknown key; there are pace, steps, gates, gait"),
        ({"pace": 0}, "pace: 0 is not > 0"),
        ({"pace": float("nan")}, "pace: nan is not a finite number"),
        ({"steps": 2.5}, "steps: 2.5 is not a valid integer, got a number with a fractional part"),
        ({"steps": True}, "steps: true is not a number or a text"),
        ({"steps": "1e-3"}, "steps: '1e-3' is not a valid integer"),
        ({"steps": "2.55e1"}, "steps: '2.55e1' is not a valid integer"),
        ({"pace": "fast"}, "pace: 'fast' is not a valid number"),
        ({"gait": "fly"}, "gait: 'fly' is not one of walk or run"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_key_value_and_remedy(values, line):
    with pytest.raises(SettingError) as error:
        Walk.of(values)
    assert str(error.value) == line


def test_text_that_is_a_number_is_taken_as_one():
    assert Walk.of({"pace": "1e-4", "steps": "3"}) == Walk(pace=1e-4, steps=3)
    assert Walk.of({"pace": "1e3", "steps": "1.5e3", "gates": ["1e2", 7]}) == Walk(
        pace=1000, steps=1500, gates=(100, 7)
    )
    assert Walk.value_of("steps", "1E+3") == 1000


def test_one_value_is_checked_whatever_the_others_are():
    assert Walk.value_of("pace", "1e-4") == 1e-4
    with pytest.raises(SettingError, match=r"^pace: -1 is not > 0$"):
        Walk.value_of("pace", -1)
    with pytest.raises(SettingError, match=r"^steps: true is not a number"):
        Walk.value_of("steps", True)
