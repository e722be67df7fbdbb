"""Windows of the test days: the sweep is repeated before each, and one verdict judges all of them together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from workflow_scripts.workflow.model import SettingError
from workflow_scripts.workflow.paths import WINDOW, whole

# Days of the calendar, so that a window has days of trade: the verdict needs more, but of all windows together.
LEAST_DAYS = 7


@dataclass(frozen=True)
class Window:
    """A window of the test days.

    Attributes:
        first_day: its first day (YYYY-MM-DD).
        stop: the first day after it; none where it ends with the market.

    """

    first_day: str
    stop: str | None


def cut_windows(first_day: str, last_day: str, count: int) -> list[Window]:
    """Return windows that follow each other, of equal length in days of the calendar up to one.

    Args:
        first_day: first test day (YYYY-MM-DD).
        last_day: last one.
        count: number of windows.

    Raises:
        SettingError: a window would be shorter than a week.

    """
    first = date.fromisoformat(first_day)
    days = (date.fromisoformat(last_day) - first).days + 1
    if days < count * LEAST_DAYS:
        raise SettingError(
            ("test", "windows"),
            f"{count} windows of the {days} days from {first_day} to {last_day} have {days // count} each, and "
            f"{LEAST_DAYS} are needed: take {max(1, days // LEAST_DAYS)} or fewer, or an earlier test_start",
        )
    starts = [(first + timedelta(number * days // count)).isoformat() for number in range(count)]
    return [*(Window(*pair) for pair in pairwise(starts)), Window(starts[-1], None)]


def refuse_names_of_windows(group: str, names: Mapping[str, object]) -> None:
    """Refuse the names that windows have.

    Raises:
        SettingError: a market or a sweep has such a name.

    """
    for name in names:
        if whole(name) != name:
            raise SettingError(
                (group, name), f"names that end with {WINDOW} and a number are those of test.windows: choose another"
            )
