"""Invented payments of invented people: the same seed gives the same books. Pure.

Most people do what they always do. Some do what looks like fraud and is none: they travel, buy a sofa, get a new
phone. And some payments are fraud, by four patterns that differ in how loudly they show.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

START: Final = datetime(2025, 3, 1, tzinfo=UTC)
DAYS: Final = 75
CHECKED_FROM: Final = START + timedelta(days=50)
CITIES: Final = {
    "Alder": (0, 0),
    "Brook": (22, 9),
    "Cliff": (48, -14),
    "Dale": (35, 41),
    "Eastport": (420, 130),
    "Farhaven": (910, -260),
    "Galena": (2600, 800),
    "Highmoor": (5400, -1900),
}
HOMES: Final = ("Alder", "Brook", "Cliff", "Dale")
AWAY: Final = ("Eastport", "Farhaven", "Galena", "Highmoor")
CATEGORIES: Final = {  # category -> (typical amount, risk, channel)
    "groceries": (38, 0.02, "shop"),
    "transport": (14, 0.02, "shop"),
    "restaurant": (31, 0.03, "shop"),
    "clothes": (65, 0.06, "online"),
    "books": (22, 0.04, "online"),
    "streaming": (12, 0.05, "online"),
    "cash": (90, 0.15, "cash"),
    "furniture": (420, 0.08, "online"),
    "electronics": (310, 0.30, "online"),
    "gift cards": (120, 0.55, "online"),
}
EVERYDAY: Final = ("groceries", "transport", "restaurant", "clothes", "books", "streaming", "cash")
BAD_DEVICES: Final = tuple(f"dev-x{number}" for number in range(6))


@dataclass(frozen=True, slots=True)
class _Person:
    """Somebody with habits. `hour`: around which they pay.  `means`: what they spend, as a factor."""

    key: str
    card: str
    device: str
    home: str
    hour: float
    means: float
    likes: tuple[str, ...]


def make_books(seed: int, users: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the directory and the payments in order of time, as JSON values."""
    chance = Random(seed)  # noqa: S311 - invented people, not secrets
    people = [_make_person(chance, number) for number in range(users)]
    rows = [row for person in people for row in _live(chance, person)]
    rows.sort(key=lambda row: (row["at"], row["user"]))
    return _make_directory(chance), [{"id": f"p{n:04}", **row} for n, row in enumerate(rows, start=1)]


def _make_person(chance: Random, number: int) -> _Person:
    return _Person(
        key=f"u{number:02}",
        card=f"card-{number:02}",
        device=f"dev-{number:02}",
        home=chance.choice(HOMES),
        # One in eight pays at night, which is nobody's fraud.
        hour=chance.choice((1.5, 9.0, 11.0, 13.0, 16.0, 18.0, 19.0, 20.0)),
        means=chance.uniform(0.5, 2.2),
        likes=tuple(chance.sample(EVERYDAY, 4)),
    )


def _live(chance: Random, person: _Person) -> Iterator[dict[str, Any]]:
    """Yield all payments of one person, and those made with their card by others."""
    for _ in range(chance.randint(13, 22)):
        yield _pay(person, _day(chance), _hour(chance, person), _everyday(chance, person))
    extras = (_travel, _buy_big, _change_phone, _test_card, _take_over, _clone, _drain)
    shares = (0.25, 0.3, 0.25, 0.2, 0.25, 0.2, 0.2)
    for extra, share in zip(extras, shares, strict=True):
        if chance.random() < share:
            yield from extra(chance, person)


def _everyday(chance: Random, person: _Person) -> dict[str, Any]:
    category = chance.choice(person.likes)
    typical, _, channel = CATEGORIES[category]
    amount = round(typical * person.means * chance.lognormvariate(0, 0.45), 2)
    return {"category": category, "amount": amount, "channel": channel, "merchant": _shop(chance, category)}


def _travel(chance: Random, person: _Person) -> Iterator[dict[str, Any]]:
    city, first = chance.choice(AWAY), chance.randint(0, DAYS - 8)
    for day in sorted(chance.sample(range(first + 1, first + 7), 4)):
        bought = _everyday(chance, person) | {
            "category": "restaurant",
            "channel": "shop",
            "merchant": f"{city} inn",
        }
        yield _pay(person, day, _hour(chance, person), bought, city=city)


def _buy_big(chance: Random, person: _Person) -> Iterator[dict[str, Any]]:
    category = chance.choice(("furniture", "electronics"))
    amount = round(CATEGORIES[category][0] * person.means * chance.uniform(0.9, 2.5), 2)
    bought = {
        "category": category,
        "amount": amount,
        "channel": "online",
        "merchant": _shop(chance, category),
    }
    yield _pay(person, _day(chance), _hour(chance, person), bought)


def _change_phone(chance: Random, person: _Person) -> Iterator[dict[str, Any]]:
    first = chance.randint(0, DAYS - 15)
    for day in sorted(chance.sample(range(first, first + 15), 3)):
        yield _pay(
            person, day, _hour(chance, person), _everyday(chance, person), device=f"{person.device}-new"
        )


def _test_card(chance: Random, person: _Person) -> Iterator[dict[str, Any]]:
    """Yield small payments within minutes, to see whether the card works, then a large one."""
    day, hour, device = _day(chance), chance.uniform(0, 23), chance.choice(BAD_DEVICES)
    for number in range(chance.randint(3, 5)):
        small = {"category": "streaming", "amount": round(chance.uniform(0.5, 2.5), 2), "channel": "online"}
        merchant = {"merchant": f"trial {chance.randint(1, 40)}"}
        yield _pay(person, day, hour + number / 20, small | merchant, device=device, label="card testing")
    amount = round(chance.uniform(250, 700), 2)
    large = {
        "category": "gift cards",
        "amount": amount,
        "channel": "online",
        "merchant": _shop(chance, "gift cards"),
    }
    yield _pay(person, day, hour + 0.4, large, device=device, label="card testing")


def _take_over(chance: Random, person: _Person) -> Iterator[dict[str, Any]]:
    """Yield payments by somebody who signed in as them: a strange device, another hour, things sold on easily."""
    day, device = _day(chance), chance.choice((*BAD_DEVICES[:3], f"dev-y{chance.randint(0, 30)}"))
    for number in range(chance.randint(1, 3)):
        category = chance.choice(("gift cards", "electronics"))
        amount = round(chance.uniform(180, 900), 2)
        bought = {
            "category": category,
            "amount": amount,
            "channel": "online",
            "merchant": _shop(chance, category),
        }
        hour = (person.hour + 11 + number / 3) % 23
        yield _pay(person, day, hour, bought, device=device, label="account takeover")


def _clone(chance: Random, person: _Person) -> Iterator[dict[str, Any]]:
    """Yield a payment at home and, soon after it, cash far away, by a copy of the card."""
    day, city = _day(chance), chance.choice(AWAY)
    yield _pay(
        person, day, 10.0, _everyday(chance, person) | {"channel": "shop", "merchant": "corner groceries"}
    )
    for number in range(2):
        cash = {"category": "cash", "amount": float(chance.choice((200, 300, 400))), "channel": "cash"}
        merchant = {"merchant": f"{city} cash point"}
        yield _pay(person, day, 10.5 + number / 2, cash | merchant, city=city, label="cloned card")


def _drain(chance: Random, person: _Person) -> Iterator[dict[str, Any]]:
    """Yield quiet theft: an unknown device buys a little more than usual, at usual hours. Hard to see."""
    first, device = chance.randint(0, DAYS - 10), f"dev-z{chance.randint(0, 60)}"
    for day in sorted(chance.sample(range(first, first + 10), 3)):
        category = chance.choice(("clothes", "books", "electronics"))
        amount = round(CATEGORIES[category][0] * person.means * chance.uniform(1.2, 2.2), 2)
        bought = {
            "category": category,
            "amount": amount,
            "channel": "online",
            "merchant": _shop(chance, category),
        }
        yield _pay(person, day, _hour(chance, person), bought, device=device, label="slow drain")


def _pay(
    person: _Person,
    day: int,
    hour: float,
    bought: dict[str, Any],
    *,
    city: str | None = None,
    device: str | None = None,
    label: str = "legit",
) -> dict[str, Any]:
    at = START + timedelta(days=day, seconds=round(hour * 3600))
    return {
        "user": person.key,
        "card": person.card,
        "at": at.isoformat(),
        **bought,
        "city": city or person.home,
        "device": device or person.device,
        "label": label,
    }


def _day(chance: Random) -> int:
    return chance.randint(0, DAYS - 1)


def _hour(chance: Random, person: _Person) -> float:
    return (person.hour + chance.gauss(0, 1.6)) % 23.9


def _shop(chance: Random, category: str) -> str:
    return f"{category} {chance.randint(1, 9)}"


def _make_directory(chance: Random) -> dict[str, Any]:
    known = {device: round(chance.uniform(0.7, 0.98), 2) for device in BAD_DEVICES}
    merchants = {f"trial {number}": round(chance.uniform(0.2, 0.7), 2) for number in range(1, 41)}
    shops = {f"gift cards {number}": round(chance.uniform(0.1, 0.5), 2) for number in range(1, 10)}
    reputation = known | merchants | shops
    return {
        "cities": {name: {"x": x, "y": y} for name, (x, y) in CITIES.items()},
        "category_risk": {name: risk for name, (_, risk, _) in CATEGORIES.items()},
        "checked_from": CHECKED_FROM.isoformat(),
        "reputation": reputation,
        "old_reputation": {key: value for key, value in reputation.items() if chance.random() < 0.5},
    }
