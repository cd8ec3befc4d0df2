"""The cron dialect, by observed examples."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from rookery.panel.schedules.cron import BadCron, parse

NOW = datetime(2024, 3, 5, 10, 15, 30, tzinfo=UTC)
NEXT = {
    "* * * * *": "03-05 10:16",
    "*/15 * * * *": "03-05 10:30",
    "0 */2 * * *": "03-05 12:00",
    "*/7 * * * *": "03-05 10:21",
    "5 4 * * 0": "03-10 04:05",
    "5 4 * * 7": "03-10 04:05",
    "5 4 * * SUN": "03-10 04:05",
    "0 0 13 * 5": "03-08 00:00",
    "0 0 13 * ?": "03-13 00:00",
    "0 0 1 */3 *": "04-01 00:00",
    "0,30 9-17 * * 1-5": "03-05 10:30",
    "0 0 * * 6-7": "03-09 00:00",
    "00 05 * * *": "03-06 05:00",
    "0 0 L * *": "03-31 00:00",
    "0 0 15W * *": "03-15 00:00",
    "* * 1W * *": "04-01 00:00",
    "0 0 * * 5L": "03-29 00:00",
    "0 0 * * 5#3": "03-15 00:00",
    "0 0 * * MON-FRI": "03-06 00:00",
    "0 0 * JAN,JUN *": "06-01 00:00",
    "10-20/5 * * * *": "03-05 10:20",
    "1-5,30 * * * *": "03-05 10:30",
    "0 0 * * 7-2": "03-10 00:00",
    "*/61 * * * *": "03-05 11:01",
}
REFUSED = (
    "5/15 * * * *",
    "60 * * * *",
    "*/0 * * * *",
    "a * * * *",
    "-1 * * * *",
    "0 0 0 * *",
    "0 0 * 13 *",
    "0 0 * * 8",
    "0 0 * * L",
    "0 22-2 * * *",
    "0 0 31 2 *",
    "? * * * *",
    "0 0 ? * ?",
)


@pytest.mark.parametrize(("expression", "wanted"), NEXT.items())
def test_the_next_time_is_the_one_observed(expression: str, wanted: str) -> None:
    found = parse(*expression.split()).next_after(NOW, ZoneInfo("UTC"))
    assert found == datetime.fromisoformat(f"2024-{wanted}:00+00:00")


@pytest.mark.parametrize("expression", REFUSED)
def test_what_cannot_be_read_or_never_comes_is_refused(expression: str) -> None:
    with pytest.raises(BadCron):
        parse(*expression.split()).next_after(NOW, ZoneInfo("UTC"))


def test_times_are_those_of_the_zone() -> None:
    found = parse("0", "20", "*", "*", "*").next_after(NOW, ZoneInfo("America/New_York"))
    assert found == datetime(2024, 3, 6, 1, 0, tzinfo=UTC)


def test_an_hour_the_clock_skips_is_moved_on() -> None:
    zone = ZoneInfo("Europe/Berlin")
    found = parse("30", "2", "31", "3", "*").next_after(datetime(2024, 3, 30, tzinfo=UTC), zone)
    assert found == datetime(2024, 3, 31, 1, 30, tzinfo=UTC)


def test_an_hour_the_clock_repeats_counts_once() -> None:
    zone, cron = ZoneInfo("Europe/Berlin"), parse("30", "2", "*", "*", "*")
    first = cron.next_after(datetime(2024, 10, 26, 12, 0, tzinfo=UTC), zone)
    assert first == datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
    assert cron.next_after(first, zone) == datetime(2024, 10, 28, 1, 30, tzinfo=UTC)
