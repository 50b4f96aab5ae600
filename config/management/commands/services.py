"""`manage.py services start|stop|status`: the embedded PostgreSQL and Valkey of a checkout."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import env
from config.errors import ServiceError
from config.services import launcher


class Command(BaseCommand):
    """Start, stop or show the embedded servers; those whose URL is set are left alone."""

    help = "Start, stop or show the embedded PostgreSQL and Valkey; one whose URL is set is left alone."
    # The servers come before the database: nothing may be checked against it here.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the action and the output form."""
        parser.add_argument("action", choices=["start", "stop", "status"])
        parser.add_argument("--json", action="store_true", help="print the status as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, then print how the servers stand."""
        names = tuple(name for name, url in launcher.URL_OF.items() if not env.text(url))
        try:
            if options["action"] == "start":
                launcher.start(env.state_dir(), names)
            elif options["action"] == "stop":
                launcher.stop(env.state_dir(), names)
            self._print_status(as_json=options["json"])
        except ServiceError as error:
            raise CommandError(str(error)) from error

    def _print_status(self, *, as_json: bool) -> None:
        found = launcher.status(env.state_dir())
        if as_json:
            self.stdout.write(json.dumps([asdict(item) for item in found], indent=2))
            return
        for item in found:
            if env.text(launcher.URL_OF[item.name]):
                self.stdout.write(
                    f"{item.title}: {launcher.URL_OF[item.name]} is set; the embedded one is not used"
                )
            elif item.is_running:
                self.stdout.write(f"{item.title}: running on 127.0.0.1:{item.port}, data in {item.data_dir}")
            else:
                self.stdout.write(f"{item.title}: stopped")
