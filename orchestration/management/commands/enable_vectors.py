"""`enable_vectors`: makes the table in which memories are compared by meaning."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import Error

from agents.management.base import EngineCommand
from orchestration.memory.enabling import enable, make_index


class Command(EngineCommand):
    """Enable vectors."""

    help = "Make PostgreSQL's extension `vector` and the table of vectors, so that memories are found by meaning."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the index."""
        parser.add_argument(
            "--hnsw",
            action="store_true",
            help="Also the index of the current embedder, for scopes of very many memories (VECTOR_INDEX).",
        )

    def handle(self, *args: Any, hnsw: bool, **options: Any) -> None:
        """Make them and say what comes next."""
        try:
            enable()
            made = f", and the index {make_index()}" if hnsw else ""
        except Error as error:
            why = str(error).strip().splitlines()[0]
            raise CommandError(
                f"vectors can't be enabled: {why}. The server needs the extension pgvector "
                "(Debian: postgresql-NN-pgvector), and the role that runs this must own the database. Until then "
                "memories are found by words."
            ) from error
        self.stdout.write(
            f"vectors are enabled{made}. What is remembered from now on is embedded by who writes it."
        )
        self.stdout.write(
            "Next: `embed_memories` for what is there already; `grant_runtime_role` if you use one."
        )
