"""`reset_two_factor`: take away the second factor of somebody who lost it."""

from typing import Any, cast

from django.contrib.auth.models import User
from django.core.management import CommandParser

from config.second_factor.people import reset_second_factor
from escalation.management.base import DeskCommand
from orchestration.management.arguments import read_person


class Command(DeskCommand):
    """Reset a second factor."""

    help = "Take away somebody's authenticator app and recovery codes, and end their sessions."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the person, and who acts."""
        parser.add_argument("person", metavar="USER", help="Whose second factor goes.")
        parser.add_argument("--as", dest="username", metavar="ADMIN", help="Who acts, for the audit.")

    def handle(self, *, person: str, username: str | None, **options: Any) -> None:
        """Reset it, and say what comes next."""
        found = cast("User", read_person(person, "USER"))
        by = cast("User", read_person(username)) if username else None
        had_any = reset_second_factor(found, by)
        found_so = f"The second factor of {person} is gone" if had_any else f"{person} had no second factor"
        self.stdout.write(
            f"{found_so}; their sessions have ended. If they need one, they set it up with their next sign-in."
        )
