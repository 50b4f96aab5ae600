"""Check a reply against the brand guidelines, which are data (data/guidelines.json). Pure.

A rule is an object with `id`, `kind`, `reason` and what its kind needs; `CHECKS` lists the kinds. A rule of
an unknown kind is an error: a guideline that nobody checks must not look like one that holds.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from examples.support.errors import DataError
from examples.support.reading import find_order_numbers

Rule = Mapping[str, Any]

_MONTHS: Final = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATE: Final = re.compile(
    "|".join(
        [
            rf"\b\d{{1,2}}(?:st|nd|rd|th)?\.? (?:{_MONTHS})(?: \d{{4}})?",
            rf"\b(?:{_MONTHS}) \d{{1,2}}\b",
            r"\b\d{4}-\d{2}-\d{2}\b",
            r"\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b",
            r"\b(?:tomorrow|today|tonight|next week|by (?:mon|tues|wednes|thurs|fri)day)\b",
        ]
    ),
    re.IGNORECASE,
)
_LINK: Final = re.compile(r"\b(?:https?://|www\.)([^\s/]+)", re.IGNORECASE)
_MAIL: Final = re.compile(r"[^\s@]+@([\w.-]+\w)")


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply and what it may rest on."""

    subject: str
    body: str
    customer_name: str
    is_upset: bool
    facts: Mapping[str, str]

    @property
    def text(self) -> str:
        """Return everything the customer reads."""
        return f"{self.subject}\n{self.body}"


Check = Callable[[Reply, Rule], bool]


def find_breaches(reply: Reply, rules: Sequence[Rule]) -> list[str]:
    """Return the rules that a reply breaks, as `id: reason`, in the rules' order.

    Raises:
        DataError: a rule is incomplete or of an unknown kind; names it.
    """
    return [f"{rule['id']}: {rule['reason']}" for rule in rules if not _holds(reply, rule)]


def is_suspicious(text: str, patterns: Sequence[str]) -> bool:
    """Tell whether a message contains text that looks like instructions to a machine."""
    return _any_matches(patterns, text)


def _holds(reply: Reply, rule: Rule) -> bool:
    check = CHECKS.get(rule.get("kind", ""))
    if check is None:
        known = ", ".join(sorted(CHECKS))
        raise DataError(
            f"guideline {rule.get('id')!r}: kind {rule.get('kind')!r} is not known; use one of {known}."
        )
    try:
        return check(reply, rule)
    except KeyError as error:
        raise DataError(f"guideline {rule.get('id')!r}: {error.args[0]!r} is missing; add it.") from error


def _starts_with_name(reply: Reply, _rule: Rule) -> bool:
    first_line = reply.body.strip().split("\n", maxsplit=1)[0]
    # Nobody can be addressed by a name that the shop does not know; "" is in every line.
    return reply.customer_name.casefold() in first_line.casefold()


def _ends_with(reply: Reply, rule: Rule) -> bool:
    return reply.body.rstrip().endswith(str(rule["text"]))


def _max_words(reply: Reply, rule: Rule) -> bool:
    return len(reply.body.split()) <= int(rule["limit"])


def _forbids_pattern(reply: Reply, rule: Rule) -> bool:
    return not _any_matches(rule["patterns"], reply.text)


def _links_within(reply: Reply, rule: Rule) -> bool:
    hosts = [*_LINK.findall(reply.text), *_MAIL.findall(reply.text)]
    return all(_is_within(host.casefold().rstrip("."), rule["hosts"]) for host in hosts)


def _is_within(host: str, allowed: Sequence[str]) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in allowed)


def _needs_fact(reply: Reply, rule: Rule) -> bool:
    if not _any_matches(rule["patterns"], reply.text):
        return True
    name, _, value = rule["fact"].partition("=")
    return reply.facts.get(name) == value if value else name in reply.facts


def _dates_are_facts(reply: Reply, _rule: Rule) -> bool:
    known = set(reply.facts.values())
    return all(found.group() in known for found in _DATE.finditer(reply.text))


def _orders_are_facts(reply: Reply, _rule: Rule) -> bool:
    return set(find_order_numbers(reply.text)) <= {reply.facts.get("order")}


def _when_upset(reply: Reply, rule: Rule) -> bool:
    if not reply.is_upset:
        return True
    return _any_matches(rule["patterns"], reply.body) and not any(
        word in reply.body for word in rule["forbidden"]
    )


def _any_matches(patterns: Sequence[str], text: str) -> bool:
    return any(re.search(pattern, text, re.IGNORECASE | re.DOTALL) for pattern in patterns)


CHECKS: Final[dict[str, Check]] = {
    "starts_with_name": _starts_with_name,
    "ends_with": _ends_with,
    "max_words": _max_words,
    "forbids_pattern": _forbids_pattern,
    "links_within": _links_within,
    "needs_fact": _needs_fact,
    "dates_are_facts": _dates_are_facts,
    "orders_are_facts": _orders_are_facts,
    "when_upset": _when_upset,
}
