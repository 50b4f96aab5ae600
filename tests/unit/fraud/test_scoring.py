"""What payments show, what scores make of it, and how well that does on payments nobody learned from."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from examples.fraud.books import LEGIT, Payment, open_books
from examples.fraud.errors import BooksError
from examples.fraud.fraud_report import Outcome, Report, summarise
from examples.fraud.habits import read_habits
from examples.fraud.scorer_model import open_model
from examples.fraud.scoring import gather, read_evidence, score_by_model, score_by_rules
from examples.fraud.signs import read_reputation, read_signs
from examples.fraud.verdicts import find_faults, is_grey, judge, read_word

BOOKS = open_books()
NOON = datetime(2025, 4, 1, 12, tzinfo=UTC)


def _pay(minutes: float = 0, **given: Any) -> Payment:
    usual = {"user": "u", "card": "c", "merchant": "m", "category": "groceries", "city": "Alder"}
    at = NOON + timedelta(minutes=minutes)
    return Payment(
        **{"id": f"p{minutes}", "at": at, "amount": 40.0, "channel": "shop", "device": "d", **usual, **given}
    )


def _signs(payment: Payment, *before: Payment) -> dict[str, Any]:
    return read_signs(BOOKS.directory, payment, before)


def test_small_trials_just_before_are_counted() -> None:
    trials = [_pay(minute, amount=1.0, channel="online") for minute in (-40, -20, -10)]
    signs = _signs(_pay(amount=500, channel="online"), *trials)
    assert (signs["small_before"], signs["paid_within_hour"]) == (2, 3)


@pytest.mark.parametrize(
    ("city", "minutes", "channel", "speed"),
    [
        ("Farhaven", -60, "shop", 946.4),
        ("Farhaven", -600, "shop", 94.6),
        ("Farhaven", 0, "shop", 5000.0),
        ("Farhaven", -60, "online", 0.0),
        ("Brook", -5, "shop", 0.0),
    ],
)
def test_how_fast_a_card_travelled(city: str, minutes: float, channel: str, speed: float) -> None:
    assert _signs(_pay(channel=channel), _pay(minutes, city=city))["speed_kmh"] == speed


def test_habits_are_those_of_the_past() -> None:
    past = [_pay(-1440 * day) for day in range(3, 13)]
    habits = read_habits(_pay(amount=120.0, device="new"), past)
    assert (habits["amount_ratio"], habits["hour_share"], habits["category_share"]) == (3.0, 1.0, 1.0)
    assert (habits["is_new_device"], habits["is_new_city"], habits["payments_known"]) == (True, False, 10)


def test_a_thief_s_first_payment_does_not_vouch_for_the_second() -> None:
    past = [_pay(-1440 * 10), _pay(-30, device="thief", city="Galena")]
    habits = read_habits(_pay(device="thief", city="Galena"), past)
    assert (habits["is_new_device"], habits["is_new_city"]) == (True, True)


def test_a_first_payment_says_little() -> None:
    habits = read_habits(_pay(), [])
    assert (habits["amount_ratio"], habits["hour_share"], habits["payments_known"]) == (1.0, 0.5, 0)


def test_the_worse_reputation_counts() -> None:
    assert read_reputation({"d": 0.2, "m": 0.6}, _pay())["risk"] == 0.6
    assert read_reputation({}, _pay())["risk"] == 0.0


def test_both_scorers_return_the_same_form_and_name_whose_figures_they_used() -> None:
    evidence = gather(BOOKS, BOOKS.to_check()[0])
    model, rules = score_by_model(open_model(), evidence), score_by_rules(evidence)
    assert set(model) == set(rules) == {"score", "scored_by", "because"}
    for part in (*model["because"], *rules["because"]):
        assert getattr(evidence, part["step"])[part["name"]] == part["value"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"transaction": None}, "transaction is None"),
        ({"behaviour": {"amount_ratio": "much"}}, "behaviour.amount_ratio is 'much'"),
        ({"reputation": {}}, "reputation.risk is None"),
    ],
)
def test_evidence_that_lacks_something_is_bad_input(given: dict[str, Any], words: str) -> None:
    evidence = gather(BOOKS, BOOKS.to_check()[0])
    whole = {
        "transaction": evidence.transaction,
        "behaviour": evidence.behaviour,
        "reputation": evidence.reputation,
    }
    with pytest.raises(ValueError, match=words):
        read_evidence(whole | given)
    assert read_evidence(whole) == evidence


def _report(score: Any) -> Report:
    outcomes = []
    for payment in BOOKS.to_check():
        scored = score(gather(BOOKS, payment))
        is_escalated = is_grey(scored["score"])
        verdict = None if is_escalated else judge(scored, None)["verdict"]
        outcomes.append(Outcome(payment.label != LEGIT, verdict, is_escalated))
    return summarise(outcomes)


def test_on_the_shipped_payments_the_model_accuses_rightly_and_misses_little() -> None:
    report = _report(lambda evidence: score_by_model(open_model(), evidence))
    assert (report.payments, report.frauds) == (308, 62)
    assert report.precision >= 0.95
    assert report.share_seen >= 0.95
    assert report.share_escalated <= 0.12


def test_the_rules_are_worse_and_still_useful() -> None:
    report = _report(score_by_rules)
    assert report.precision >= 0.95
    assert 0.8 <= report.share_seen <= 0.95


def test_a_model_that_nobody_taught_names_the_command(tmp_path: Path, settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "FRAUD_BOOKS_DIR": str(tmp_path)}
    with pytest.raises(BooksError, match=r"manage\.py train_scorer"):
        open_model()
    (tmp_path / "model.json").write_text('{"features": ["a"], "weights": [], "means": [], "offset": 0}')
    with pytest.raises(BooksError, match="must be equally many"):
        open_model()


def test_the_model_learned_nothing_from_the_payments_it_is_measured_on() -> None:
    assert not {one.id for one in BOOKS.to_learn_from()} & {one.id for one in BOOKS.to_check()}


SCORE = {
    "score": 0.9,
    "scored_by": "model",
    "because": [{"step": "transaction", "name": "speed_kmh", "value": 900.0, "adds": 1.0}],
}


def _handed(**given: Any) -> dict[str, Any]:
    return {"score": SCORE, "transaction": {"speed_kmh": 900.0}, "review": None} | given


@pytest.mark.parametrize(
    ("score", "verdict"), [(0.0, "legit"), (0.149, "legit"), (0.7, "fraud"), (1.0, "fraud")]
)
def test_a_clear_score_is_a_verdict(score: float, verdict: str) -> None:
    said = judge(SCORE | {"score": score}, None)
    assert (said["verdict"], said["reasons"]) == (verdict, ["transaction.speed_kmh = 900"])


def test_in_the_grey_zone_only_a_person_says() -> None:
    with pytest.raises(ValueError, match="grey zone"):
        judge(SCORE | {"score": 0.5}, None)
    assert judge(SCORE | {"score": 0.5}, read_word({"verdict": "legit"}))["said_by"] == "person"


@pytest.mark.parametrize("review", ["fraud", {}, {"verdict": "maybe"}])
def test_a_person_s_word_is_read_exactly(review: Any) -> None:
    with pytest.raises(ValueError, match=r"review\.verdict"):
        read_word(review)


@pytest.mark.parametrize(
    ("verdict", "handed", "words"),
    [
        ("fraud", {}, []),
        ("legit", {}, ["legit does not follow from a score of 0.9"]),
        ("fraud", {"review": {"verdict": "legit"}}, ["a person said legit"]),
        ("fraud", {"score": SCORE | {"score": 0.69}}, ["nobody looked at a score of 0.69"]),
        ("fraud", {"transaction": {"speed_kmh": 90.0}}, ["speed_kmh = 900, the step found 90.0"]),
        ("fraud", {"transaction": {}}, ["the step found None"]),
        ("hm", {"review": {"verdict": "fraud"}}, ["'hm' is no verdict", "a person said fraud"]),
    ],
)
def test_a_verdict_must_follow_from_what_was_found(
    verdict: str, handed: dict[str, Any], words: list[str]
) -> None:
    faults = find_faults({"verdict": verdict}, _handed(**handed))
    for word in words:
        assert any(word in fault for fault in faults), faults
    assert bool(faults) == bool(words)


def test_the_shares_are_counted_of_the_right_whole() -> None:
    report = summarise(
        [
            Outcome(is_fraud=True, verdict="fraud", is_escalated=False),
            Outcome(is_fraud=False, verdict="fraud", is_escalated=False),
            Outcome(is_fraud=True, verdict="legit", is_escalated=False),
            Outcome(is_fraud=True, verdict=None, is_escalated=True),
            Outcome(is_fraud=False, verdict=None, is_escalated=False),
        ]
    )
    shares = (report.precision, report.recall, report.share_seen, report.share_escalated)
    assert shares == (0.5, 0.5, 0.6667, 0.2)
    assert report.open_or_failed == 1
    assert summarise([]).share_escalated == 0.0
