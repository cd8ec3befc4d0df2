"""The cron dialect of schedules: five fields, evaluated in a time zone, strictly after a moment.

Beside lists, ranges, steps and names: `L` and `nW` for days of the month, `nL` and `n#k` for weekdays, `?` for "any".
Both day fields restricted means either. Source: Panel 1.11; no library of ours has the same dialect and refusals.
"""

import calendar
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from rookery.protocol.problems import Invalid

_MONTHS = {
    name: at
    for at, name in enumerate(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1)
}
_WEEKDAYS = {name: at for at, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])}
_YEARS_AHEAD = 28
"""After as many years, days of the week and of the month repeat."""
_ANY = ("*", "?")
DayTest = Callable[[date], bool]


class BadCron(Invalid):
    """The expression cannot be read, or never comes true."""

    status = 400
    code = "DisplayException"


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: frozenset[int]
    day: DayTest

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The next time it is true, in UTC; hours a clock skips are moved on, hours it repeats count once.

        Raises:
            BadCron: it never is.
        """
        local = moment.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)
        day = local.date()
        for _ in range(366 * _YEARS_AHEAD):
            if day.month in self.months and self.day(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        wall = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 - a wall clock
                        if wall > local and (found := wall.replace(tzinfo=zone).astimezone(UTC)) > moment:
                            return found
            day += timedelta(days=1)
        raise BadCron("The times of this schedule never come.")


def parse(minute: str, hour: str, day_of_month: str, month: str, day_of_week: str) -> Cron:
    """The expression of five fields.

    Raises:
        BadCron: a field cannot be read.
    """
    if day_of_month == "?" and day_of_week == "?":
        raise BadCron("Only one of the two day fields can be a question mark.")
    return Cron(
        minutes=tuple(sorted(_numbers(minute, 0, 59))),
        hours=tuple(sorted(_numbers(hour, 0, 23))),
        months=frozenset(_numbers(month, 1, 12, names=_MONTHS)),
        day=_day_test(day_of_month, day_of_week),
    )


def _day_test(day_of_month: str, day_of_week: str) -> DayTest:
    of_month, of_week = _month_days(day_of_month), _week_days(day_of_week)
    if day_of_month in _ANY:
        return of_week
    if day_of_week in _ANY:
        return of_month
    return lambda day: of_month(day) or of_week(day)


def _numbers(field: str, low: int, high: int, *, names: Mapping[str, int] | None = None) -> set[int]:
    found: set[int] = set()
    for part in field.strip().split(","):
        found |= _part(part, low, high, names or {})
    return found


def _part(part: str, low: int, high: int, names: Mapping[str, int]) -> set[int]:
    body, slash, step_text = part.partition("/")
    start_text, dash, end_text = body.partition("-")
    if body == "*":
        start, end = low, high
    elif slash and not dash:
        raise BadCron(f"{part!r} has a step without a range.")
    else:
        start = _number(start_text, low, high, names)
        end = _number(end_text, low, high, names) if dash else start
    if not slash:
        return set(range(start, end + 1))
    if not re.fullmatch(r"\d{1,6}", step_text) or int(step_text) == 0:
        raise BadCron(f"{part!r} has no usable step.")
    step = int(step_text)
    if step >= high:
        return {low + step % (high - low + 1)}
    return set(range(start, end + 1, step))


def _number(text: str, low: int, high: int, names: Mapping[str, int]) -> int:
    if (named := names.get(text.upper())) is not None:
        return named
    if not re.fullmatch(r"\d{1,4}", text) or not low <= int(text) <= high:
        raise BadCron(f"{text!r} is not a number from {low} to {high}.")
    return int(text)


def _month_days(field: str) -> DayTest:
    if field in _ANY:
        return lambda _: True
    if match := re.fullmatch(r"(\d{1,2})W", field, re.IGNORECASE):
        wanted = _number(match[1], 1, 31, {})
        return lambda day: day.day == _nearest_weekday(day, wanted)
    parts = field.split(",")
    last = any(part.upper() == "L" for part in parts)
    days = _numbers(",".join(rest), 1, 31) if (rest := [part for part in parts if part.upper() != "L"]) else set()
    return lambda day: day.day in days or (last and day.day == _length(day))


def _nearest_weekday(day: date, wanted: int) -> int:
    """The working day nearest to a day, in the same month."""
    target = day.replace(day=min(wanted, _length(day)))
    if target.weekday() == calendar.SATURDAY:
        return target.day - 1 if target.day > 1 else target.day + 2
    if target.weekday() == calendar.SUNDAY:
        return target.day + 1 if target.day < _length(day) else target.day - 2
    return target.day


def _length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _week_days(field: str) -> DayTest:
    if field in _ANY:
        return lambda _: True
    tests = [_week_part(part) for part in field.split(",")]
    return lambda day: _any(tests, day)


def _any(tests: Sequence[DayTest], day: date) -> bool:
    return any(test(day) for test in tests)


def _week_part(part: str) -> DayTest:
    if match := re.fullmatch(r"(\w{1,3})L", part, re.IGNORECASE):
        wanted = _number(match[1], 0, 7, _WEEKDAYS) % 7
        return lambda day: _of_week(day) == wanted and day.day > _length(day) - 7
    if match := re.fullmatch(r"(\w{1,3})#([1-5])", part):
        wanted, nth = _number(match[1], 0, 7, _WEEKDAYS) % 7, int(match[2])
        return lambda day: _of_week(day) == wanted and (day.day - 1) // 7 == nth - 1
    text = re.sub(r"^7-", "0-", part)
    days = {number % 7 for number in _part(text, 0, 7, _WEEKDAYS)}
    return lambda day: _of_week(day) in days


def _of_week(day: date) -> int:
    """Sunday is 0."""
    return day.isoweekday() % 7
