"""The rules of a topic: for whom a message of it is, by expressions over it, under one limit of work for all of them.

Cheap rules are asked first, so that a dear one never keeps them from being asked.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agents.domain.addresses import is_key
from orchestration.domain.expressions import ExpressionFailed
from orchestration.evaluation import Allowance, AllowanceSpent
from orchestration.models import Subscription

RULES_SECONDS: Final = 1.0
"""Of work for all rules of a topic over one message. Two hundred that are cheap take some thousandths."""
_MOST_NAMED: Final = 5


@dataclass(slots=True)
class Heard:
    """For whom a message is.

    Attributes: targets: name and key of each.  refusals: why a rule could not say.
        unasked: rules that were not asked, or not to their end, as the limit was over.
    """

    targets: list[tuple[str, str]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    unasked: list[Subscription] = field(default_factory=list)

    def tell(self) -> str:
        """Return in words why it may not have gone to somebody; empty: it went wherever it should."""
        lines = list(self.refusals)
        if self.unasked:
            named = ", ".join(sorted({rule.name for rule in self.unasked})[:_MOST_NAMED])
            lines.append(
                f"{len(self.unasked)} rules of its topic were not asked, of subscriptions of {named}: those before "
                f"take more than {RULES_SECONDS:g} s of work; use fewer loops or smaller patterns in them"
            )
        return "".join(f"{line}\n" for line in lines)


def hear(rules: Sequence[Subscription], body_json: str, sender: str, allowance: Allowance) -> Heard:
    """Ask the rules of a topic for whom a message is, as long as the allowance lasts."""
    heard = Heard()
    if not rules:
        return heard
    values = {"body": json.loads(body_json), "sender": sender}
    for rule in sorted(rules, key=lambda rule: _is_dear(rule, values, allowance)):
        if heard.unasked:
            heard.unasked.append(rule)
            continue
        try:
            _ask(rule, values, allowance, heard)
        except AllowanceSpent:
            heard.unasked.append(rule)
        except ExpressionFailed as error:
            heard.refusals.append(f"subscription of {rule.name}: {error}")
    return heard


def _is_dear(rule: Subscription, values: dict[str, Any], allowance: Allowance) -> bool:
    return any(allowance.is_dear(source, values) for source in (rule.where, rule.key_from) if source)


def _ask(rule: Subscription, values: dict[str, Any], allowance: Allowance, heard: Heard) -> None:
    if rule.where and allowance.evaluate(rule.where, values) is not True:
        return
    key = allowance.evaluate(rule.key_from, values)
    if key is None:
        return
    text = key if isinstance(key, str) else json.dumps(key)
    if not isinstance(key, str | int) or isinstance(key, bool) or not is_key(text):
        heard.refusals.append(
            f"subscription of {rule.name}: {rule.key_from} gave {text:.100}, which is no key"
        )
        return
    heard.targets.append((rule.name, text))
