"""`export_run`: writes a run and all runs below it into a file that proves itself."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from agents.management.base import EngineCommand
from orchestration import runs
from orchestration.domain.bundle import fingerprint, verify_file
from orchestration.errors import BundleRefused
from orchestration.management.arguments import add_run, read_run


class Command(EngineCommand):
    """Export a run as a bundle."""

    help = (
        "Write an ended run and all runs below it into a bundle, a file that `verify_bundle` proves anywhere."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the run, the file and what to leave out."""
        add_run(parser)
        parser.add_argument(
            "--bundle", required=True, type=Path, metavar="FILE", help="Where to write it; must not exist."
        )
        parser.add_argument(
            "--digests-only",
            action="store_true",
            help="Leave out what agents and people wrote: of inputs, outputs and calls only the digests are told.",
        )

    def handle(self, *args: Any, run: str, bundle: Path, digests_only: bool, **options: Any) -> None:
        """Write the file and say whose key to compare."""
        try:
            data = runs.bundle(read_run(run).pk, digests_only=digests_only)
        except BundleRefused as error:
            raise CommandError(f"{error}.") from None
        try:
            # Only who exports it may read it: it holds all that the run's agents and people wrote.
            bundle.touch(mode=0o600, exist_ok=False)
            bundle.write_bytes(data)
        except OSError as error:
            raise CommandError(f"--bundle: {bundle} can't be written: {error.strerror}.") from None
        signed = ", ".join(map(fingerprint, verify_file(data).signed))
        self.stdout.write(
            f"{bundle}: {len(data):,} bytes, signed by {signed}. Tell the receiver this fingerprint."
        )
