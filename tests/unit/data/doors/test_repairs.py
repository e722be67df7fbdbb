"""Bad ticks: the likely cause is named; they are clipped or dropped where somebody says so, and counted."""

import pytest

from tests.unit.data.doors.shapes_by_hand import door, row, values

HEAD = "date,ticker,open,high,low,close,volume\n"
GOOD = "2024-01-02,KO,10,12,9,11,100\n"


def test_rounding_is_no_bad_tick(tmp_path):
    read = door(tmp_path, HEAD + "2024-01-02,KO,10,12,9,12.00001,100\n2024-01-03,KO,8.999992,12,9,11,100\n")
    assert row(read, 0)[2:6] == (10, 12.00001, 9, 12.00001)
    assert row(read, 1)[2:6] == (8.999992, 12, 8.999992, 11)
    assert read.repaired == {}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            "2024-01-03,KO,10,12,9,13,100\n",
            r"row 3: KO on 2024-01-03: close 13 lies outside \[low, high\] = \[9, 12\] \(it is the one bad row\): set "
            r"repair: clip or repair: drop",
        ),
        (
            "2024-01-03,KO,0,12,9,11,100\n",
            r"row 3: .*open is 0, not above zero \(1 opens of 1 tickers are zero or missing",
        ),
        (
            "2024-01-03,KO,,12,9,11,100\n2024-01-04,KO,0,12,9,11,100\n",
            r"open is missing \(2 opens of 1 tickers are zero",
        ),
        ("2024-01-03,KO,10,9,12,11,100\n", "row 3: KO on 2024-01-03: high 9 is below low 12"),
        (
            "2024-01-03,KO,10,12,9,-11,100\n",
            r"row 3: .*close is -11, not above zero \(it is the one bad row\): set repair: drop, or",
        ),
    ],
)
def test_a_bad_tick_is_refused_with_row_value_cause_and_key(tmp_path, bad, message):
    with pytest.raises(ValueError, match=message) as error:
        door(tmp_path, HEAD + GOOD + bad)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("prices", "clipped"),
    [
        ("10,12,9,13", (10, 12, 9, 12)),  # the close alone is outside: it moves to the range
        ("10,12,9,0.11", (10, 12, 9, 9)),
        ("10,9.5,9,11", (10, 11, 9, 11)),  # open and close are both above the high: the high is wrong
        ("0,12,9,11", (11, 12, 9, 11)),  # no open: the close
        (",12,9,11", (11, 12, 9, 11)),
        ("10,12,0,11", (10, 12, 10, 11)),  # no low: the lower of open and close
        ("10,9,12,11", (10, 12, 9, 11)),  # high and low exchanged
    ],
)
def test_clip_moves_the_price_that_disagrees_with_the_others(tmp_path, prices, clipped):
    read = door(tmp_path, HEAD + GOOD + f"2024-01-03,KO,{prices},100\n", repair="clip")
    assert row(read, 1)[2:6] == clipped
    assert row(read, 0)[2:6] == (10, 12, 9, 11)
    assert read.repaired == {"KO": 1}
    assert "1 rows clipped: KO 1" in read.warnings


def test_drop_leaves_bad_rows_out_and_counts_them(tmp_path):
    text = HEAD + GOOD + "2024-01-03,KO,10,12,9,13,1\n2024-01-04,KO,10,12,9,0,1\n2024-01-02,PEP,5,4,6,5,1\n"
    read = door(tmp_path, text, repair="drop")
    assert values(read) == {("KO", "2024-01-02"): 11}
    assert read.repaired == {"PEP": 1, "KO": 2}


def test_a_close_that_is_not_above_zero_cannot_be_clipped(tmp_path):
    with pytest.raises(ValueError, match=r"row 3: KO on 2024-01-03: close is 0, to which .* set repair: drop"):
        door(tmp_path, HEAD + GOOD + "2024-01-03,KO,10,12,9,0,1\n", repair="clip")


@pytest.mark.parametrize("repair", ["none", "clip", "drop"])
def test_a_close_adjusted_alone_is_named_and_never_repaired(tmp_path, repair):
    text = HEAD + "".join(f"2024-01-{day:02},KO,100,101,99,{50 + day},1\n" for day in range(2, 12))
    with pytest.raises(
        ValueError,
        match=r"row 2: KO on 2024-01-02: close 52 lies outside \[99, 101\], as in 10 of its 10 rows \(1 such "
        r"tickers\): the close alone seems to be adjusted; give the unadjusted Close beside an Adj Close",
    ):
        door(tmp_path, text, repair=repair)
