"""Write books of invented payments: ours, or others of the same kind from another seed."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from examples.fraud.making import make_books

OWN_SEED = 7
OWN_USERS = 36


class Command(BaseCommand):
    """Invent and write."""

    help = "Write books.json and payments.jsonl with invented payments; the same seed writes the same."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take where to, and which."""
        parser.add_argument(
            "--to", type=Path, required=True, metavar="FOLDER", help="made if it is not there"
        )
        parser.add_argument("--seed", type=int, default=OWN_SEED, help=f"{OWN_SEED} gives the example's own")
        parser.add_argument("--users", type=int, default=OWN_USERS, help=f"{OWN_USERS} by default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        if options["users"] < 1:
            raise CommandError("--users: give a number of at least 1.")
        directory, payments = make_books(options["seed"], options["users"])
        folder: Path = options["to"]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "books.json").write_text(json.dumps(directory, indent=1) + "\n", encoding="utf-8")
            lines = [json.dumps(payment) for payment in payments]
            (folder / "payments.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        except OSError as error:
            raise CommandError(f"--to: can't write {folder}: {error.strerror}.") from error
        self.stdout.write(f"{len(payments)} payments of {options['users']} people are in {folder}.")
