"""Blocking and unblocking cards, once per idempotency key; and the cases that are filed."""

from collections.abc import Sequence
from typing import Any

from examples.fraud.models import CardAction, Case


def block(card: str, *, reason: str, idempotency_key: str, run_id: str) -> dict[str, Any]:
    """Block a card, or find the block that this key made before."""
    action, _ = CardAction.objects.get_or_create(
        idempotency_key=idempotency_key,
        defaults={"run_id": run_id, "card": card, "kind": CardAction.Kind.BLOCK, "reason": reason[:300]},
    )
    return {"card": action.card, "action_id": action.pk, "reason": action.reason}


def unblock(card: str, *, reason: str, idempotency_key: str, run_id: str) -> dict[str, Any]:
    """Take this run's block of a card back; blocks of other runs stay."""
    action, _ = CardAction.objects.get_or_create(
        idempotency_key=idempotency_key,
        defaults={"run_id": run_id, "card": card, "kind": CardAction.Kind.UNBLOCK, "reason": reason[:300]},
    )
    return {"card": action.card, "action_id": action.pk, "is_still_blocked": is_blocked(card)}


def is_blocked(card: str) -> bool:
    """Tell whether a block of this card was not taken back by the run that made it."""
    done = CardAction.objects.filter(card=card).values_list("kind", "run_id")
    blocks = {run for kind, run in done if kind == CardAction.Kind.BLOCK}
    return bool(blocks - {run for kind, run in done if kind == CardAction.Kind.UNBLOCK})


def file_case(
    payment: str, *, score: float, reasons: Sequence[str], idempotency_key: str, run_id: str
) -> dict[str, Any]:
    """File a case, or find the one that this key filed before."""
    case, _ = Case.objects.get_or_create(
        idempotency_key=idempotency_key,
        defaults={"run_id": run_id, "payment": payment, "score": score, "reasons": list(reasons)},
    )
    return {"case_id": case.pk, "payment": case.payment}
