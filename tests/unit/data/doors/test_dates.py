"""One format for one file; the exchange's day, where a stamp has a zone; else a question."""

import pytest

from tests.unit.data.doors.shapes_by_hand import door, values


def days(read):
    return [f"{day:%Y-%m-%d}" for day in read.bars["date"]]


def closes(*dates):
    return "date,close\n" + "".join(f'"{date}",{number}\n' for number, date in enumerate(dates, 1))


AMBIGUOUS = """date,ticker,close
02/01/15,A,1
02/01/15,B,1
13/01/15,A,2
13/01/15,B,2
14/01/15,A,3
14/01/15,B,3
"""


def test_days_before_months_are_asked_and_the_one_fitting_format_is_named(tmp_path):
    with pytest.raises(ValueError) as error:
        door(tmp_path, AMBIGUOUS)
    assert str(error.value) == (
        "prices.csv, row 2: the date '02/01/15' is not ISO 8601 (2024-01-31): set date_format: \"%d/%m/%y\", the one "
        "format that fits all 3 dates"
    )
    read = door(tmp_path, AMBIGUOUS, date_format="%d/%m/%y")
    assert {key: value for key, value in values(read).items() if key[0] == "A"} == {
        ("A", "2015-01-02"): 1,
        ("A", "2015-01-13"): 2,
        ("A", "2015-01-14"): 3,
    }
    assert "dates %d/%m/%y" in read.understood


def test_where_two_formats_fit_all_rows_both_readings_are_named(tmp_path):
    with pytest.raises(ValueError) as error:
        door(tmp_path, closes("02/01/2015", "05/01/2015"))
    assert str(error.value) == (
        "prices.csv, row 2: the date '02/01/2015' is not ISO 8601 (2024-01-31), and 2 formats fit all 2 dates (by "
        '%d/%m/%Y 05/01/2015 is 2015-01-05; by %m/%d/%Y 05/01/2015 is 2015-05-01): set date_format: "%d/%m/%Y" or '
        'date_format: "%m/%d/%Y"'
    )


def test_where_no_one_format_fits_the_best_and_its_first_misfit_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"%d/%m/%Y fits 2, but not '01/14/2015' of row 4: mend the rows"):
        door(tmp_path, closes("13/01/2015", "15/01/2015", "01/14/2015"))


@pytest.mark.parametrize(
    "dates",
    [
        ("2024-03-08", "2024-03-11"),
        ("2024-03-08 16:00:00", "2024-03-11T16:00:00.000"),
        ("2024-03-08T00:00:00Z", "2024-03-11T00:00:00Z"),
        ("2024-03-08T00:00:00-05:00", "2024-03-11T00:00:00-04:00"),
        ("2024-03-08 00:00:00+0900", "2024-03-11 00:00:00+0900"),
        ("2024-03-08 16:00:00-05:00", "2024-03-11 16:00:00-04:00"),
        ("20240308", "20240311"),
        ("2024-03-08T05:00:00Z", "2024-03-11T04:00:00Z"),  # midnights of New York, as Alpaca has them
        ("1709856000", "1710115200"),
        ("1709856000000", "1710115200000"),
        ("1709874000", "1710129600"),  # 05:00Z and 04:00Z
    ],
)
def test_iso_dates_numbers_of_eight_digits_and_unix_time_are_understood_alone(tmp_path, dates):
    assert days(door(tmp_path, closes(*dates))) == ["2024-03-08", "2024-03-11"]


def test_a_stamp_belongs_to_the_day_of_the_exchange(tmp_path):
    text = closes("2024-01-03T15:00:00Z", "2024-01-04T15:00:00Z")
    read = door(tmp_path, text, timezone="Asia/Tokyo")
    assert days(read) == ["2024-01-04", "2024-01-05"]
    assert "days of Asia/Tokyo" in read.understood
    with pytest.raises(ValueError) as error:
        door(tmp_path, text)
    assert str(error.value) == (
        "prices.csv, row 2: the stamp '2024-01-03 15:00:00' in UTC is of 2024-01-03 as written and of 2024-01-04 in "
        "Asia/Tokyo: name the exchange's zone, such as timezone: Asia/Tokyo (in which every stamp is a midnight)"
    )


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        (
            ("2024-01-03T23:00:00Z", "2024-06-03T22:00:00Z"),
            "timezone: Europe/Berlin .in which every stamp is a midnight",
        ),
        (("1704295800",), "timezone: America/New_York"),  # 15:30Z: in Sydney already the next day
        (("2024-01-02 20:00:00-05:00",), "of 2024-01-02 as written and of 2024-01-03 in UTC"),
        (("2024-01-02 08:45:00+09:00",), "of 2024-01-02 as written and of 2024-01-01 in UTC"),
    ],
)
def test_a_zone_that_would_move_a_day_is_asked(tmp_path, dates, message):
    with pytest.raises(ValueError, match=message):
        door(tmp_path, closes(*dates))


def test_a_zone_that_would_put_mondays_bars_on_a_sunday_is_refused(tmp_path):
    text = closes("2024-01-05T00:00:00Z", "2024-01-08T00:00:00Z")
    assert days(door(tmp_path, text)) == ["2024-01-05", "2024-01-08"]
    with pytest.raises(
        ValueError, match=r"row 3: .* is of Monday as written and of Sunday in timezone: America/New_York"
    ):
        door(tmp_path, text, timezone="America/New_York")


def test_summer_time_of_the_exchange_is_known(tmp_path):
    text = closes("2024-01-03T23:00:00Z", "2024-06-03T22:00:00Z")
    assert days(door(tmp_path, text, timezone="Europe/Berlin")) == ["2024-01-04", "2024-06-04"]
    unix = closes("1704295800")
    assert days(door(tmp_path, unix, timezone="America/New_York")) == ["2024-01-03"]
    assert days(door(tmp_path, unix, timezone="Australia/Sydney")) == ["2024-01-04"]


@pytest.mark.parametrize(
    ("dates", "keys", "message"),
    [
        (
            ("2024-01-02", "03/01/2024", "2024-01-04"),
            {},
            "row 3: the date '03/01/2024' is written otherwise than 2 others",
        ),
        (
            ("2024-01-02", "2024-01-03T00:00:00Z"),
            {},
            "row 2: the date '2024-01-02' has no zone, and others of the file",
        ),
        (("2024-01-02", "2024-02-30"), {}, "row 3: the date '2024-02-30' is no day"),
        (("2024-13-01",), {}, "row 2: the date '2024-13-01' is no day; date_format: \"%Y-%d-%m\" fits all 1 dates"),
        (("20240102", "20241301"), {}, "row 3: the date '20241301' is no day"),
        (("2024-01-02", ""), {}, "row 3: date is empty"),
        (
            ("02.01.2024", "2024-01-03"),
            {"date_format": "%d.%m.%Y"},
            "row 3: the date '2024-01-03' is not in date_format",
        ),
        (("13/01/2024",), {"date_format": "%m/%d/%Y"}, 'date_format: "%d/%m/%Y" fits all 1 dates: mend the key'),
        (("2024-01-02",), {"timezone": "Asia/Tokio"}, "timezone 'Asia/Tokio' is not known"),
        (("1602-01-02",), {}, "row 2: the date '1602-01-02' is of the year 1602"),
        (("yesterday",), {}, "the date 'yesterday' is not ISO 8601 .* set date_format, such as"),
        (("12345678901",), {}, "could be Unix time of no one unit"),
    ],
)
def test_a_bad_date_is_named_with_its_row_and_the_key(tmp_path, dates, keys, message):
    with pytest.raises(ValueError, match=message) as error:
        door(tmp_path, closes(*dates), **keys)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("prices.csv, row") or "timezone" in keys


@pytest.mark.parametrize(
    ("date", "date_format"),
    [("02-Jan-2024", "%d-%b-%Y"), ("Jan 2, 2024", "%b %d, %Y"), ("2.1.2024", "%d.%m.%Y"), ("1/2/24", "%m/%d/%y"),
     ("2024.01.02", "%Y.%m.%d"), ("02/01/2024 15:30", "%d/%m/%Y %H:%M")],
)  # fmt: skip
def test_any_format_can_be_named(tmp_path, date, date_format):
    text = closes(date)
    assert days(door(tmp_path, text, date_format=date_format)) == ["2024-01-02"]
    with pytest.raises(ValueError, match="not ISO 8601"):
        door(tmp_path, text)


def test_a_named_format_with_a_zone_gives_the_exchanges_day(tmp_path):
    text = closes("02/01/2024 15:00 +0000")
    keys = {"date_format": "%d/%m/%Y %H:%M %z", "timezone": "Asia/Tokyo"}
    assert days(door(tmp_path, text, **keys)) == ["2024-01-03"]


def test_a_column_of_the_day_comes_before_one_of_the_time(tmp_path):
    text = "unix,date,symbol,close\n1704200400,2024-01-02,KO,1\n"
    assert days(door(tmp_path, text)) == ["2024-01-02"]
    same = "timestamp,datetime,close\n1704153600,2024-01-02,1\n"
    assert days(door(tmp_path, same)) == ["2024-01-02"]


def test_times_without_a_zone_and_a_timezone_contradict_each_other(tmp_path):
    with pytest.raises(ValueError, match=r"times without a zone, such as 2024-01-02 15:00, so that timezone: Asia/Tok"):
        door(tmp_path, closes("2024-01-02 15:00:00", "2024-01-03 15:00:00"), timezone="Asia/Tokyo")
    assert days(door(tmp_path, closes("2024-01-02", "2024-01-03"), timezone="Asia/Tokyo")) == [
        "2024-01-02",
        "2024-01-03",
    ]


def test_a_day_to_come_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"row 3: 2142-01-03 is to come, today is 20"):
        door(tmp_path, closes("2024-01-02", "2142-01-03"))
    with pytest.raises(ValueError, match=r"2062-01-03 is to come, .*: mend the row; %d/%m/%y has years of two digits"):
        door(tmp_path, closes("02/01/24", "03/01/62"), date_format="%d/%m/%y")
