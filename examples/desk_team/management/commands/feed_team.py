"""`feed_team`: days of messages for the desk team, one after the other, and how each of them went."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from escalation.errors import EscalationError
from examples.desk_team.days import (
    DAYS_FILE,
    FIRST_DAY,
    Day,
    is_published,
    read_days,
    send_mails,
    send_news,
    wait_until_quiet,
)
from examples.desk_team.errors import DaysUnreadable
from examples.desk_team.measure import measure_days, tell_days
from examples.desk_team.people import answer_tickets, read_answers
from orchestration.errors import MessageConflict, OrchestrationError
from orchestration.management.arguments import read_seconds


class Command(BaseCommand):
    """Send, watch, count."""

    help = "Feed days of messages to the desk team; workers and the maintainer must be running."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take which days, from where, and who answers in between."""
        parser.add_argument("--day", type=int, metavar="N", help="only this day; all of them if left out")
        parser.add_argument(
            "--start",
            type=_read_date,
            default=FIRST_DAY,
            metavar="DATE",
            help=f"date of the first day, {FIRST_DAY} by default; with another one the same messages come again",
        )
        parser.add_argument(
            "--messages", type=Path, default=DAYS_FILE, metavar="FILE", help="JSON lines of your own"
        )
        parser.add_argument(
            "--as", dest="person", metavar="USER", help="play this person, who answers at the end of each day"
        )
        parser.add_argument(
            "--day-seconds", type=read_seconds, default=1.0, metavar="SECONDS", help="how long a day is; 1"
        )
        parser.add_argument(
            "--timeout", type=read_seconds, default=120.0, metavar="SECONDS", help="for each day; 120"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        try:
            days = read_days(options["messages"])
        except DaysUnreadable as error:
            raise CommandError(f"--messages: {error}") from error
        chosen = [day for day in days if options["day"] in {None, day.number}]
        if not chosen:
            known = ", ".join(str(day.number) for day in days)
            raise CommandError(
                f"--day: there is no day {options['day']} in {options['messages']}; it has {known}."
            )
        person = _find_person(options["person"])
        if not is_published():
            raise CommandError("The team's workflows are not published: `manage.py publish_workflows`.")
        for day in chosen:
            self._feed(day, options, person)
        first = options["start"]
        lines = tell_days(measure_days(chosen[0].date(first), chosen[-1].date(first)))
        self.stdout.write("\n".join(lines))

    def _feed(self, day: Day, options: dict[str, Any], person: User | None) -> None:
        first, seconds = options["start"], options["timeout"]
        self.stdout.write(f"{day.date(first)}: {len(day.news)} news, {len(day.mails)} messages ...")
        try:
            # News first, and to their end: who writes on that day is told what holds.
            send_news(day, first)
            self._wait(day, seconds)
            send_mails(day, first, options["day_seconds"])
        except MessageConflict as error:
            raise CommandError(
                f"day {day.number}: {day.date(first)} was fed with other messages, or another --day-seconds; "
                f"choose another --start. {error}"
            ) from error
        except OrchestrationError as error:
            raise CommandError(f"day {day.number}: {error}") from error
        self._wait(day, seconds, at_least=options["day_seconds"])
        if person is not None and _answer(person):
            self._wait(day, seconds)

    def _wait(self, day: Day, seconds: float, at_least: float = 0) -> None:
        if not wait_until_quiet(seconds, at_least=at_least):
            raise CommandError(
                f"--timeout: day {day.number} goes on after {seconds:g} s; are a worker and the maintainer running? "
                "What was sent is kept: feed the day again to go on."
            )


def _read_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r:.40} is no date; write it as {FIRST_DAY}") from None


def _answer(person: User) -> int:
    try:
        return answer_tickets(person, read_answers())
    except (EscalationError, OrchestrationError) as error:
        raise CommandError(f"--as: {error} What was decided is kept: feed the day again to go on.") from error


def _find_person(name: str | None) -> User | None:
    if name is None:
        return None
    found = User.objects.filter(username=name).first()
    if found is None:
        raise CommandError(f"--as: there is no user {name!r:.60}; the demo has `reviewer`")
    return found
