"""Teach the model scorer from the labelled payments before the day of checking."""

from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from examples.fraud.books import LEGIT, open_books
from examples.fraud.errors import FraudError
from examples.fraud.scorer_model import Model, model_path
from examples.fraud.scoring import gather, weigh_features

_SEED: Final = 11
_DIGITS: Final = 4


class Command(BaseCommand):
    """Teach and write."""

    help = (
        "Teach the model scorer of fraud-check from the past of the books, and write model.json beside them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether to write."""
        parser.add_argument("--dry-run", action="store_true", help="print the model instead of writing it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        try:
            model = _teach()
        except FraudError as error:
            raise CommandError(str(error)) from error
        text = model.model_dump_json(indent=1) + "\n"
        if options["dry_run"]:
            self.stdout.write(text, ending="")
            return
        model_path().write_text(text, encoding="utf-8")
        self.stdout.write(f"Taught {len(model.features)} weights; stored as {model_path()}.")


def _teach() -> Model:
    # scikit-learn takes a second to import; `manage.py help` must not.
    from sklearn.linear_model import LogisticRegression

    books = open_books()
    past = books.to_learn_from()
    truth = [payment.label != LEGIT for payment in past]
    if len(set(truth)) < 2:
        raise CommandError("The past of the books needs payments of both kinds: legit ones and fraud.")
    features = [weigh_features(gather(books, payment)) for payment in past]
    rows = [[feature[3] for feature in one] for one in features]
    learned = LogisticRegression(C=1.0, max_iter=2000, random_state=_SEED).fit(rows, truth)
    weights = [float(weight) for weight in learned.coef_[0]]
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    offset = float(learned.intercept_[0]) + sum(w * m for w, m in zip(weights, means, strict=True))
    return Model(
        features=tuple(f"{step}.{name}" for step, name, _, _ in features[0]),
        weights=tuple(round(weight, _DIGITS) for weight in weights),
        means=tuple(round(mean, _DIGITS) for mean in means),
        offset=round(offset, _DIGITS),
    )
