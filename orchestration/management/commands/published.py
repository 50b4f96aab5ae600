"""`published`: what was published, by whom, to which topic, between two times."""

import json
from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration import actors
from orchestration.management.arguments import find_past, read_utc_time
from orchestration.management.mail import (
    MAIL_HEAD,
    add_home,
    add_limit,
    check_limit,
    describe_mail,
    mail_row,
    telling,
    write_rows,
)
from orchestration.selectors.progress import read_clock


class Command(EngineCommand):
    """Show what was published."""

    help = "Show what was published to topics, the oldest first: by a sender, to a topic, between two times."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the filters."""
        parser.add_argument("--by", metavar="SENDER", help="An address, user:NAME, workflow:NAME, or a way.")
        parser.add_argument("--topic", metavar="NAME", help="Only to this topic.")
        for name, meaning in (("--since", "From then on"), ("--until", "Before then")):
            parser.add_argument(
                name,
                type=read_utc_time,
                metavar="TIME|SPAN",
                help=f"{meaning}: a day, an ISO time (UTC if no zone is said), or a span back from now, such as 7d.",
            )
        add_limit(parser, 100)
        add_home(parser)

    def handle(self, *args: Any, limit: int, project: str, as_json: bool, **options: Any) -> None:
        """Write the messages."""
        check_limit(limit)
        now = read_clock()
        since, until = (options[name] and find_past(options[name], now) for name in ("since", "until"))
        with telling():
            found = actors.published(
                by=options["by"], topic=options["topic"], since=since, until=until, project=project
            )
        rows = list(found[:limit])
        if as_json:
            self.stdout.write(json.dumps([describe_mail(row) for row in rows], indent=2))
        else:
            write_rows(self, MAIL_HEAD, [mail_row(row) for row in rows], "Nothing fits: leave out a filter.")
