"""`model_server`: a model server on this machine that follows a script, to try agents without any provider."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from agents.domain.reading import read_json
from agents.errors import AgentError
from agents.management.base import EngineCommand
from agents.model_server import ModelServer, read_script


class Command(EngineCommand):
    """Serve scripted answers as OpenAI's Chat Completions."""

    help = "Serves the answers of a JSON script as OpenAI's Chat Completions, on this machine only, until interrupted."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the script, `--port` and `--chunk-seconds`."""
        parser.add_argument("script", type=Path, metavar="FILE", help="a JSON file with the replies")
        parser.add_argument("--port", type=int, default=8765, help="on 127.0.0.1; 0 takes a free one")
        parser.add_argument(
            "--chunk-seconds", type=float, default=0.05, help="between two parts of a streamed answer"
        )

    def handle(self, *, script: Path, port: int, chunk_seconds: float, **options: Any) -> None:
        """Serve until interrupted."""
        try:
            replies = read_script(read_json(script.read_bytes()))
            server = ModelServer(replies, port=port, chunk_seconds=chunk_seconds)
        except (OSError, OverflowError, AgentError) as error:
            raise CommandError(f"{script}, port {port}: {error}") from None
        self.stdout.write(f"{len(replies)} replies at {server.url}; interrupt to stop")
        self.stdout.flush()
        try:
            server.serve()
        except KeyboardInterrupt:
            self.stdout.write("stopped")
