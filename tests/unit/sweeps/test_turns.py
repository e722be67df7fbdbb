from workflow_scripts.sweeps.cost import Batch
from workflow_scripts.sweeps.turns import turns


def order(sweeps):
    """Sweep and round in the order in which they train."""
    return list(dict.fromkeys((sweep, number) for sweep, number, _ in turns(sweeps)))


def test_sweeps_of_equal_rounds_take_turns_round_by_round_and_their_trials_keep_their_order():
    places = turns({"b": [Batch(2, 12, 100)] * 2, "a": [Batch(2, 12, 100)] * 2})
    assert [trial for trial, _ in sorted(places.items(), key=lambda item: item[1])] == [
        *(("b", 0, 0), ("b", 0, 1), ("a", 0, 0), ("a", 0, 1)),
        *(("b", 1, 0), ("b", 1, 1), ("a", 1, 0), ("a", 1, 1)),
    ]


def test_a_sweep_of_four_rounds_and_one_of_two_are_half_done_together():
    sweeps = {"few": [Batch(8, 8, 100)] * 2, "many": [Batch(1, 1, 900)] * 4}
    assert order(sweeps) == [("few", 0), ("many", 0), ("many", 1), ("few", 1), ("many", 2), ("many", 3)]


def test_a_rung_counts_by_its_vector_steps():
    """Of 900 + 900 + 900 vector steps a third lies before the second rung, and two thirds before the last."""
    bracket = [Batch(9, 9, 100), Batch(3, 3, 300), Batch(1, 1, 900)]
    halves = [Batch(1, 1, 10)] * 2
    assert order({"bracket": bracket, "halves": halves}) == [
        *(("bracket", 0), ("halves", 0), ("bracket", 1), ("halves", 1), ("bracket", 2)),
    ]
