"""`embed_memories`: embeds what has no vector of the current embedder, in batches; may be ended and begun again."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from agents.management.base import EngineCommand
from orchestration.memory.embedding import get_embedder
from orchestration.memory.enabling import count_others, drop_others, embed_missing
from orchestration.memory.vectors import are_enabled


class Command(EngineCommand):
    """Embed memories."""

    help = "Embed the memories that have no vector of the current embedder: after enable_vectors, or for another one."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the size of a batch, and what becomes of others' vectors."""
        parser.add_argument("--batch", type=int, default=200, help="So many at a time.")
        parser.add_argument(
            "--drop-others", action="store_true", help="Then delete vectors of other embedders."
        )

    def handle(self, *args: Any, batch: int, **options: Any) -> None:
        """Embed them and say how many."""
        if not 1 <= batch <= 10_000:
            raise CommandError("--batch: give a number from 1 to 10,000.")
        if not are_enabled():
            raise CommandError("vectors are not enabled: run `manage.py enable_vectors` first.")
        embedded = sum(embed_missing(batch))
        self.stdout.write(f"{embedded} memories are embedded by {get_embedder().name}.")
        if options["drop_others"]:
            self.stdout.write(f"{drop_others()} vectors of other embedders are deleted.")
        elif others := count_others():
            self.stdout.write(f"{others} vectors are of other embedders: --drop-others deletes them.")
