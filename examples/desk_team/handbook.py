"""What specialists know: the handbook, and where orders are. Pure but for reading the two files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from agents.domain.reading import read_json
from examples.desk_team.reading import measure_cover

DATA_DIR: Final = Path(__file__).resolve().parent / "data"


@dataclass(frozen=True, slots=True)
class Advice:
    """What a specialist answers. `about`: names the answer, for news; `all_of`: words that a question for it has."""

    text: str
    about: str
    all_of: tuple[tuple[str, ...], ...]

    def describe(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Handbook:
    """Entries by topic, and orders by number."""

    entries: Mapping[str, tuple[Advice, ...]]
    orders: Mapping[str, Mapping[str, str]]

    def advise(self, topic: str, question: str, news: Mapping[str, str]) -> Advice | None:
        """Return the entry that has the most words in a question, all of which stand there; None: there is none.

        Args: news: texts that hold instead of the handbook's, by the entry they are about.
        """
        fitting = [each for each in self.entries.get(topic, ()) if measure_cover(each.all_of, question) == 1]
        if not fitting:
            return None
        best = max(fitting, key=lambda each: len(each.all_of))
        return Advice(news.get(best.about, best.text), best.about, best.all_of)

    def find_order(self, number: str, customer: str) -> Advice:
        """Return where an order is; somebody else's is none, in the same words."""
        order = self.orders.get(number)
        if order is None or order["customer"] != customer:
            return Advice(
                f"I can't find order {number} under your name. Please look at the number again.", "", ()
            )
        return Advice(f"Your order {number}, {order['item']}, is {order['status']}.", "", ())


@cache
def open_handbook() -> Handbook:
    """Return the handbook of the files."""
    said = read_json((DATA_DIR / "handbook.json").read_text(encoding="utf-8"))
    entries = {
        topic: tuple(Advice(each["text"], each["about"], tuple(map(tuple, each["all_of"]))) for each in those)
        for topic, those in said["entries"].items()
    }
    return Handbook(entries, said["orders"])
