"""Load a shop into the database: our sample one, or files of the same form."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from examples.support import conf
from examples.support.errors import SupportError
from examples.support.loading import load_shop
from examples.support.shop_files import read_shop


class Command(BaseCommand):
    """Read, check, write."""

    help = "Load customers, products and orders; loading the same files again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the folder."""
        parser.add_argument(
            "--from",
            dest="folder",
            type=Path,
            default=conf.DATA_DIR,
            help="a folder with users.json, orders.json and products.json (default: the sample shop)",
        )
        parser.add_argument("--json", action="store_true", help="print the counts as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        try:
            loaded = load_shop(read_shop(options["folder"]), timezone.now().date())
        except SupportError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(loaded)))
            return
        self.stdout.write(
            f"The shop has {loaded.customers} customers, {loaded.products} products with {loaded.variants} "
            f"variants, and {loaded.orders} orders."
        )
