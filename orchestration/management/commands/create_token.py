"""`create_token`: makes an API token for somebody and shows its key this once."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from agents.management.base import EngineCommand
from orchestration.domain.rights import Scope
from orchestration.errors import TokenRefused
from orchestration.management.arguments import add_json_switch, add_project, check_project, read_person
from orchestration.models import Project
from orchestration.tokens import LONGEST_DAYS, NewToken, make_token


class Command(EngineCommand):
    """Make an API token."""

    help = "Make an API token. It can do what its owner can, within its scopes; its key is shown this once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add for whom, and what it is good for."""
        parser.add_argument("owner", metavar="USER", help="Whose rights it has at most.")
        parser.add_argument("--name", default="shell", help="What it is for.")
        parser.add_argument(
            "--scope",
            action="append",
            choices=[str(s) for s in Scope],
            help="Again for more; `read` by default.",
        )
        add_project(parser, "The only project that it opens; all of its owner's by default.")
        parser.add_argument("--days", type=int, default=30, help=f"Until it ends, 1 to {LONGEST_DAYS}.")
        add_json_switch(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it and write its key."""
        owner = read_person(options["owner"], argument="USER")
        check_project(options["project"])
        project = Project.objects.filter(slug=options["project"]).first()
        scopes = frozenset(options["scope"] or ["read"])
        try:
            token, key = make_token(owner, NewToken(options["name"], scopes, project, options["days"]))
        except TokenRefused as error:
            # Each refusal begins with the field, which is also the name of the argument.
            raise CommandError(f"--{error}.") from error
        if not options["as_json"]:
            self.stderr.write(f"ends {token.expiry:%Y-%m-%d}; the key is not shown again:")
            self.stdout.write(key)
            return
        described = {"id": str(token.public_id), "key": key, "scopes": token.scopes}
        self.stdout.write(
            json.dumps({**described, "expires_at": f"{token.expiry:%Y-%m-%dT%H:%M:%SZ}"}, indent=2)
        )
