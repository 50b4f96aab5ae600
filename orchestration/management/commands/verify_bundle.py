"""`verify_bundle`: verifies a file that `export_run` wrote, of this installation or another."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from agents.management.base import EngineCommand
from orchestration.domain.bundle import KEY_HELP, read_key_argument, tell, verify_file


class Command(EngineCommand):
    """Verify a bundle; exit 0 whole and signed by trusted keys, 1 not, 3 whole but nobody said whom to trust."""

    help = "Verify a bundle: every digest and signature in it; names the first thing that does not fit."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file and the key."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--key",
            metavar="KEY",
            action="append",
            default=[],
            help=f"{KEY_HELP} After a change of keys: each.",
        )

    def handle(self, *args: Any, file: Path, key: list[str], **options: Any) -> None:
        """Verify and say what was found."""
        try:
            data = file.read_bytes()
        except OSError as error:
            raise CommandError(f"FILE: {file} can't be read: {error.strerror}.") from None
        try:
            words, code = tell(verify_file(data), map(read_key_argument, key))
        except (OSError, ValueError) as error:
            raise CommandError(f"--key: {error}.") from None
        if code:
            raise CommandError(words, returncode=code)
        self.stdout.write(words)
