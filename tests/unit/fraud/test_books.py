"""The books are those their seed makes, and a wrong file is named."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from examples.fraud import conf
from examples.fraud.books import open_books, read_books
from examples.fraud.errors import BooksError

PAYMENT = {
    "id": "p1",
    "user": "u",
    "card": "c",
    "at": "2025-03-01T10:00:00+00:00",
    "amount": 10,
    "merchant": "m",
    "category": "books",
    "city": "Alder",
    "channel": "online",
    "device": "d",
}
DIRECTORY = {
    "cities": {"Alder": {"x": 0, "y": 0}},
    "category_risk": {},
    "checked_from": "2025-03-02T00:00:00+00:00",
    "reputation": {},
    "old_reputation": {},
}


def _write(folder: Path, *payments: dict[str, object]) -> Path:
    (folder / "books.json").write_text(json.dumps(DIRECTORY))
    (folder / "payments.jsonl").write_text("\n".join(json.dumps(one) for one in payments))
    return folder


def test_our_own_books_are_those_of_their_seed(tmp_path: Path) -> None:
    call_command("make_payments", to=tmp_path, stdout=StringIO())
    for name in ("books.json", "payments.jsonl"):
        assert (tmp_path / name).read_text() == (conf.OWN_BOOKS / name).read_text()


def test_our_own_books_hold_every_pattern_before_and_after_the_day_of_checking() -> None:
    books = open_books()
    patterns = {"legit", "card testing", "account takeover", "cloned card", "slow drain"}
    assert {one.label for one in books.to_learn_from()} == patterns
    assert {one.label for one in books.to_check()} == patterns
    assert len(books.to_learn_from()) + len(books.to_check()) == len(books.payments)
    assert 24 <= len(books.by_user) <= 60


def test_nobody_knows_the_future() -> None:
    books = open_books()
    for payment in books.to_check()[:50]:
        assert all((one.at, one.id) < (payment.at, payment.id) for one in books.before(payment))
        assert {one.user for one in books.before(payment)} <= {payment.user}


def test_other_books_can_be_named_in_the_settings(tmp_path: Path, settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "FRAUD_BOOKS_DIR": str(_write(tmp_path, PAYMENT))}
    assert list(open_books().payments) == ["p1"]
    with pytest.raises(ValueError, match="payment_id: 'p2' is not in the books"):
        open_books().payment("p2")


@pytest.mark.parametrize(
    ("payment", "words"),
    [
        (PAYMENT | {"city": "Nowhere"}, "p1: city 'Nowhere' is not in books.json"),
        (PAYMENT | {"amount": "much"}, "line 1: amount: "),
        (PAYMENT | {"surprise": 1}, "line 1: surprise: "),
        ({"id": "p1"}, "line 1: user: Field required"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, payment: dict[str, object], words: str) -> None:
    with pytest.raises(BooksError, match=words):
        read_books(_write(tmp_path, payment))


def test_books_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(BooksError, match="make_payments --to FOLDER"):
        read_books(tmp_path)


def test_books_that_can_t_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="--to: can't write"):
        call_command("make_payments", to=tmp_path / "file" / "folder")


def test_the_payments_to_check_are_listed_for_start_run() -> None:
    out = StringIO()
    call_command("list_payments", limit=2, stdout=out)
    first, second = open_books().to_check()[:2]
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"payment_id": first.id},
        {"payment_id": second.id},
    ]


def test_no_negative_number_of_payments_is_listed() -> None:
    with pytest.raises(CommandError, match="--limit: give a number from 0, not -1"):
        call_command("list_payments", limit=-1)
