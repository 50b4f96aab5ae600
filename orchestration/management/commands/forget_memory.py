"""`forget_memory`: empties what memories say, in all versions, and tells who had it done and why."""

import json
from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration import memory
from orchestration.management.arguments import add_json_switch, read_person
from orchestration.management.memories import add_place, do_or_say
from orchestration.management.orders import add_person
from orchestration.models import Forgetting


class Command(EngineCommand):
    """Forget memories."""

    help = (
        "Forget what memories say, in all versions: all about somebody, a key, keys that begin so, or a text."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which, why and who."""
        add_place(parser, default_project=None)
        parser.add_argument("--key", help="Of this key.")
        parser.add_argument("--prefix", help="Of keys that begin so.")
        parser.add_argument("--text", help="All that hold this text in key, value or search text.")
        parser.add_argument(
            "--about",
            help="All about somebody: remembered as such, or under this key or below it. Without --project in all "
            "projects.",
        )
        parser.add_argument("--reason", required=True, help="Why; kept with who and when.")
        add_person(parser)
        add_json_switch(parser)

    def handle(self, *args: Any, username: str | None, as_json: bool, **options: Any) -> None:
        """Forget them and say how many versions it were."""
        person = read_person(username)
        how = {"reason": options["reason"], "by": person, "through": "command"}
        where = {name: options[name] for name in ("scope", "key", "prefix", "text", "about")}
        where["id"] = options["scope_id"]
        given = {name for name, text in where.items() if text is not None}
        if options["project"] is None and given == {"about"}:
            told = do_or_say(lambda: memory.forget_about(options["about"], **how))
        else:
            project = options["project"] or "default"
            told = [do_or_say(lambda: memory.forget(**where, **how, project=project))]
        if as_json:
            self.stdout.write(json.dumps([_describe(one) for one in told], indent=2))
            return
        for one in told:
            self.stdout.write(
                f"{one.versions} versions in project {one.project.slug} are forgotten; digests and writers stay "
                f"(forgetting {one.pk})"
            )


def _describe(told: Forgetting) -> dict[str, Any]:
    return {
        "id": told.pk,
        "project": told.project.slug,
        "versions": told.versions,
        "person": told.person_name,
        "at": told.at.isoformat(),
    }
