"""`manage.py start_runs`: a client in a process of its own, which keeps a record of what it was promised."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from orchestration import runs
from tests.chaos.crashapp.journal import note


class Command(BaseCommand):
    help = "Start runs of one workflow and note each acknowledgement."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workflow")
        parser.add_argument("count", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        for number in range(options["count"]):
            began = time.monotonic()
            run = runs.start(options["workflow"], {"number": number})
            seconds = time.monotonic() - began
            note("acknowledged", run=str(run.pk), seconds=seconds)
