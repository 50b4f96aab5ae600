"""Train the classifier of `support-triage` from labelled texts; offline, about a minute."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from examples.support import artefacts
from examples.support.errors import SupportError
from examples.support.intents import Calibration, read_examples


class Command(BaseCommand):
    """Teach, calibrate, store."""

    help = "Train the intent classifier of support-triage and calibrate its confidence."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the two files."""
        parser.add_argument("--train", type=Path, required=True, help="JSON Lines with `text` and `intent`")
        parser.add_argument(
            "--calibrate",
            type=Path,
            required=True,
            help="other texts of the same kind; none of them is learnt from",
        )
        parser.add_argument("--json", action="store_true", help="print the figures as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        try:
            calibration = _train(options["train"], options["calibrate"])
        except SupportError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(calibration) | {"artefact": str(artefacts.triage_path())}))
        else:
            self.stdout.write(_describe(calibration))


def _train(train_file: Path, calibration_file: Path) -> Calibration:
    # scikit-learn takes a second to import; `manage.py help` must not.
    from examples.support import intent_model

    model = intent_model.train(read_examples(train_file), read_examples(calibration_file))
    artefacts.save(model, artefacts.triage_path())
    return model.calibration


def _describe(calibration: Calibration) -> str:
    return (
        f"Calibrated on {calibration.texts} texts: {calibration.answered:.1%} would be answered, "
        f"{calibration.right:.1%} of them rightly; {calibration.unseen_escalated:.1%} of the messages with "
        f"an intent it was not taught would go to a person.\nStored as {artefacts.triage_path()}."
    )
