import pytest

from examples.fraud.books import Books, Payment, open_books
from examples.fraud.scorer_model import open_model
from examples.fraud.scoring import gather, score_by_model
from examples.fraud.verdicts import is_grey


@pytest.fixture(scope="session")
def books() -> Books:
    return open_books()


def _find(books: Books, label: str, low: float, high: float) -> Payment:
    """Return the first payment of this label that the model scores within bounds."""
    return next(
        payment
        for payment in books.to_check()
        if payment.label == label
        and low <= score_by_model(open_model(), gather(books, payment))["score"] < high
    )


@pytest.fixture(scope="session")
def stolen(books: Books) -> Payment:
    return _find(books, "card testing", 0.9, 1.01)


@pytest.fixture(scope="session")
def usual(books: Books) -> Payment:
    return _find(books, "legit", 0, 0.05)


@pytest.fixture(scope="session")
def doubtful(books: Books) -> Payment:
    """Grey, and likely enough fraud that the card is blocked meanwhile."""
    found = _find(books, "cloned card", 0.5, 0.7)
    assert is_grey(score_by_model(open_model(), gather(books, found))["score"])
    return found
