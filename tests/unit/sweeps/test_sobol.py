"""Rounds of a Sobol sequence."""

import numpy as np

from tests.unit.sweeps.test_optimizers import SPACE, ask, judged
from tests.unit.sweeps.test_search_space import PRIOR
from workflow_scripts.sweeps.search_space import build_space
from workflow_scripts.training.agents.ppo import PPO

UNIFORM = {
    name: {"type": "float", "lower": 0.0, "upper": 1.0, "log": False, "default": 0.5} for name in ("left", "right")
}


def rounds(space, count, size, seed=0):
    asked = [ask("sobol", [], number, size, seed, build_space(space, PPO)) for number in range(count)]
    return [configuration for round_ in asked for configuration in round_]


def test_rounds_continue_one_sequence_after_the_default_configuration():
    assert rounds(SPACE, 3, 4) == rounds(SPACE, 1, 12)
    assert rounds(SPACE, 1, 12)[0] == build_space(SPACE, PPO).get_default_configuration()
    assert len(set(rounds(SPACE, 3, 4))) == 12
    assert rounds(SPACE, 3, 4)[1:] != rounds(SPACE, 3, 4, seed=1)[1:]


def test_a_round_does_not_depend_on_the_scores():
    history = judged(rounds(SPACE, 1, 4))
    assert ask("sobol", history, 1, 4) == ask("sobol", [], 1, 4)


def test_sixteen_points_hold_one_in_every_sixteenth_of_the_square():
    """A (0, 4, 2)-net in base 2: however 16 like boxes are cut, each holds one of the 16 points."""
    points = rounds(UNIFORM, 1, 17)[1:]
    values = np.asarray([[point["left"], point["right"]] for point in points])
    for columns in (1, 2, 4, 8, 16):
        boxes = {(int(left * columns), int(right * 16 / columns)) for left, right in values}
        assert len(boxes) == 16


def test_points_follow_the_priors_and_leave_out_what_would_never_update():
    widths = [point["width"] for point in rounds(PRIOR, 1, 65)[1:]]
    assert abs(np.mean(widths) - 26) < 1
    assert all(point["horizon_len"] * 2 >= point["batch_size"] for point in rounds(SPACE, 4, 16))
