"""One decimal sign for one file; what can be read in two ways is asked."""

import pytest

from tests.unit.data.doors.shapes_by_hand import door, row


def read_one(tmp_path, close, volume="7", delimiter=",", more=(), **keys):
    lines = [f"date{delimiter}close{delimiter}volume", f'2024-01-02{delimiter}"{close}"{delimiter}"{volume}"', *more]
    read = row(door(tmp_path, "\n".join(lines) + "\n", **keys))
    return read[5], read[6]


@pytest.mark.parametrize(
    ("close", "volume", "delimiter", "expected"),
    [
        ("1234.5", "1000", ",", (1234.5, 1000)),
        ("1,234.50", "1,000", ",", (1234.5, 1000)),
        ("$1,234.50", "1000", ",", (1234.5, 1000)),
        ("1.234,50", "1.000", ";", (1234.5, 1000)),
        ("1234,50", "1000", "\t", (1234.5, 1000)),
        ("1 234,50 €", "1 000", ";", (1234.5, 1000)),
        ("R$ 37,10", "10", ";", (37.1, 10)),
        ("109.123", "7", ",", (109.123, 7)),  # a comma parts the columns, so that the point is the decimal point
        ("$109.123", "7", ",", (109.123, 7)),
        ("1.5e3", "1.2E+07", ",", (1500, 1.2e7)),
        ("12.5", "1.25M", ",", (12.5, 1250000)),
        ("12,5", "3,5K", ";", (12.5, 3500)),
        ("12.5", "null", ",", (12.5, 0)),
        ("12,34", "7", ",", (12.34, 7)),  # quoted, and no thousands
    ],
)
def test_numbers_as_people_write_them(tmp_path, close, volume, delimiter, expected):
    assert read_one(tmp_path, close, volume, delimiter) == expected


@pytest.mark.parametrize(("close", "delimiter"), [("1.234", ";"), ("1,234", ","), ("109.123", "\t")])
def test_a_number_with_two_readings_is_asked_unless_another_decides(tmp_path, close, delimiter):
    with pytest.raises(
        ValueError, match=r'row 2: close .* \(decimal: "\.", .* \(decimal: ",", .* set decimal'
    ) as error:
        read_one(tmp_path, close, "7", delimiter)
    assert "\n" not in str(error.value)
    plain = float(close.replace(",", "").replace(".", ""))
    as_thousands = "." if "," in close else ","
    assert read_one(tmp_path, close, "7", delimiter, decimal=as_thousands) == (plain, 7)
    assert read_one(tmp_path, close, "7", delimiter, decimal="," if as_thousands == "." else ".") == (plain / 1000, 7)


def test_one_price_decides_for_the_whole_file(tmp_path):
    assert read_one(tmp_path, "1.234", "7", ";", ["2024-01-03;1.250,5;8"]) == (1234, 7)
    assert read_one(tmp_path, "1.234", "7", ";", ["2024-01-03;1.25;8"]) == (1.234, 7)
    assert read_one(tmp_path, "1,234", "7", ",", ["2024-01-03,1250.5,8"]) == (1234, 7)


@pytest.mark.parametrize("value", ["abc", "1.2.3", "1,23.4", "inf", "12%", "1e999"])
def test_what_is_no_number_is_named_with_its_row_and_value(tmp_path, value):
    with pytest.raises(ValueError) as error:
        read_one(tmp_path, "1.5", "7", ",", ["", f'2024-01-03,"{value}",8', "2024-01-04,2.5,9"])
    assert str(error.value) == (
        f"prices.csv, row 4: close is {value!r}, which is no number: mend the row, or leave the cell empty"
    )


def test_signs_that_contradict_one_another_are_no_numbers(tmp_path):
    with pytest.raises(ValueError, match="row 3: close is '12,34', which is no number"):
        read_one(tmp_path, "1.5", "7.5", ",", ['2024-01-03,"12,34",8'])
