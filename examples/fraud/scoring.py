"""From the figures of both analyses to one score, and which figures made it. Two scorers: a model, and rules.

Both return the same form, so that whoever reads a score need not know who answered. Pure. The model is taught by
`manage.py train_scorer` and read by `scorer_model.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log1p
from typing import Any, Final

from examples.fraud.books import Books, Payment
from examples.fraud.habits import read_habits
from examples.fraud.scorer_model import Model
from examples.fraud.signs import read_reputation, read_signs

_MOST_REASONS: Final = 5

# The names are those of the analyses; a score says whose figure it used.
_SIGNS: Final = ("category_risk", "is_online", "speed_kmh", "small_before", "paid_within_hour")
_HABITS: Final = ("amount_ratio", "hour_share", "is_new_device", "is_new_city", "category_share")


@dataclass(frozen=True, slots=True)
class Evidence:
    """The intermediate figures of the steps before, by step: what a score may refer to."""

    transaction: Mapping[str, Any]
    behaviour: Mapping[str, Any]
    reputation: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """What one figure adds to a score."""

    step: str
    name: str
    value: float
    adds: float


def gather(books: Books, payment: Payment) -> Evidence:
    """Return the evidence on a payment as the steps would hand it over, with the outside service answering."""
    before = books.before(payment)
    return Evidence(
        transaction=read_signs(books.directory, payment, before),
        behaviour=read_habits(payment, before),
        reputation=read_reputation(books.directory.reputation, payment),
    )


def score_by_model(model: Model, evidence: Evidence) -> dict[str, Any]:
    """Return the score of the model that learned from the labelled payments of the past."""
    parts = [
        Part(step, name, value, round(weight * (amount - mean), 3))
        for (step, name, value, amount), weight, mean in zip(
            weigh_features(evidence), model.weights, model.means, strict=True
        )
    ]
    score = 1 / (1 + exp(-(model.offset + sum(part.adds for part in parts))))
    return _describe("model", score, parts)


def score_by_rules(evidence: Evidence) -> dict[str, Any]:
    """Return the score of a few plain rules: less exact, and always there."""
    signs, habits = evidence.transaction, evidence.behaviour
    risk = float(evidence.reputation["risk"])
    points = (
        ("transaction", "speed_kmh", signs["speed_kmh"], 0.75 * (signs["speed_kmh"] > 900)),
        ("transaction", "small_before", signs["small_before"], 0.3 * (signs["small_before"] >= 2)),
        ("transaction", "category_risk", signs["category_risk"], 0.5 * signs["category_risk"]),
        ("behaviour", "is_new_device", habits["is_new_device"], 0.25 * habits["is_new_device"]),
        ("behaviour", "amount_ratio", habits["amount_ratio"], 0.15 * (habits["amount_ratio"] > 3)),
        ("behaviour", "hour_share", habits["hour_share"], 0.15 * (habits["hour_share"] < 0.1)),
        ("reputation", "risk", risk, 0.4 * risk),
    )
    parts = [Part(step, name, float(value), round(adds, 3)) for step, name, value, adds in points]
    return _describe("rules", min(1.0, sum(part.adds for part in parts)), parts)


def read_evidence(given: Mapping[str, Any]) -> Evidence:
    """Build the evidence from the hand-offs.

    Raises: ValueError: one of them lacks what a score needs; names step and figure.
    """
    wanted = {"transaction": _SIGNS, "behaviour": _HABITS, "reputation": ("risk",)}
    for step, names in wanted.items():
        handed = given.get(step)
        if not isinstance(handed, Mapping):
            raise ValueError(f"{step} is {handed!r:.80}: give its figures")  # noqa: TRY004 - bad input
        for name in names:
            if not isinstance(handed.get(name), int | float):
                raise ValueError(f"{step}.{name} is {handed.get(name)!r:.80}: give a number")  # noqa: TRY004
    return Evidence(given["transaction"], given["behaviour"], given["reputation"])


def weigh_features(evidence: Evidence) -> list[tuple[str, str, float, float]]:
    """Return step, name, value as handed over, and the same as the model weighs it."""
    signs, habits, risk = evidence.transaction, evidence.behaviour, float(evidence.reputation["risk"])
    scaled = {
        "speed_kmh": lambda v: log1p(v) / 5,
        "amount_ratio": log1p,
        "small_before": log1p,
        "paid_within_hour": log1p,
    }
    return [
        (step, name, float(figures[name]), scaled.get(name, float)(float(figures[name])))
        for step, figures, names in (("transaction", signs, _SIGNS), ("behaviour", habits, _HABITS))
        for name in names
    ] + [("reputation", "risk", risk, risk)]


def _describe(scored_by: str, score: float, parts: Sequence[Part]) -> dict[str, Any]:
    telling = sorted((part for part in parts if part.adds), key=lambda part: -abs(part.adds))[:_MOST_REASONS]
    return {
        "score": round(score, 3),
        "scored_by": scored_by,
        "because": [
            {"step": part.step, "name": part.name, "value": part.value, "adds": part.adds} for part in telling
        ],
    }
