"""`show_memory`: what is remembered, as it stands or stood at a time, or all versions of one key."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from agents.domain.memories import normalise
from agents.management.base import EngineCommand
from orchestration.management.arguments import (
    add_json_switch,
    check_project,
    find_past,
    read_time,
    read_words,
)
from orchestration.management.memories import HEAD, add_place, describe_memory, memory_rows
from orchestration.management.terminal import show_table
from orchestration.memory.desk import list_current, list_versions
from orchestration.memory.searching import narrow_to_subject, narrow_to_text
from orchestration.selectors.progress import read_clock

_MOST: Final = 200


class Command(EngineCommand):
    """Show memories."""

    help = (
        "Show what is remembered, now or as it stood at a time, with who wrote it; or all versions of a key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add where to look, what for, and as of when."""
        add_place(parser)
        parser.add_argument("--key", type=read_words, help="Only this key.")
        parser.add_argument("--prefix", type=read_words, help="Only keys that begin so.")
        parser.add_argument(
            "--text", type=read_words, help="Only what holds this in key, value or search text."
        )
        parser.add_argument(
            "--about", type=read_words, help="Only what is about somebody, such as customer/7."
        )
        parser.add_argument(
            "--at", type=read_time, help="As it stood then: a time with its zone, or a span back."
        )
        parser.add_argument("--history", action="store_true", help="All versions of --key, the latest first.")
        add_json_switch(parser)

    def handle(
        self,
        *args: Any,
        project: str,
        at: datetime | timedelta | None,
        history: bool,
        as_json: bool,
        **options: Any,
    ) -> None:
        """Write the memories that fit."""
        check_project(project)
        if history and (not options["key"] or at is not None):
            raise CommandError("--history: shows all versions of one key: give --key, and leave --at out.")
        moment = None if at is None else find_past(at, read_clock())
        rows = list_versions().filter(project__slug=project) if history else list_current(project, at=moment)
        where = {"scope": "scope", "scope_id": "scope_id", "key": "key", "key__startswith": "prefix"}
        for name in ("key", "prefix"):
            options[name] = None if options[name] is None else normalise(options[name])
        given = {name: options[option] for name, option in where.items() if options[option] is not None}
        rows = rows.filter(**given)
        rows = narrow_to_text(rows, options["text"]) if options["text"] else rows
        rows = narrow_to_subject(rows, options["about"]) if options["about"] else rows
        found = list(rows[: _MOST + 1])
        if as_json:
            self.stdout.write(json.dumps([describe_memory(one) for one in found[:_MOST]], indent=2))
            return
        if not found:
            self.stdout.write("nothing that fits is remembered; leave out --key, --scope or --at to see more")
            return
        self.stdout.write("\n".join(show_table(HEAD, memory_rows(found[:_MOST]))))
        if len(found) > _MOST:
            self.stdout.write(f"these are the first {_MOST}; narrow it by --scope, --prefix or --text")
