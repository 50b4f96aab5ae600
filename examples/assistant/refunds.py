"""Paying money back: once per call, never more than an order cost, and above a limit only if a person said so."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from django.db import connection, transaction
from django.db.models import Sum

from examples.assistant.errors import RefundRefused
from examples.assistant.models import Refund
from examples.assistant.shop import Order

FREE_EURO: Final = Decimal(50)
"""So much of an order goes back without a person."""
_CENT: Final = Decimal("0.01")
_MOST: Final = 1_000_000
_LOCK: Final = "assistant.refund"


def read_euro(said: float) -> Decimal:
    """Return an amount as it is written, in cents.

    Raises: RefundRefused: it is none, or has parts of a cent.
    """
    try:
        euro = Decimal(str(said))
        is_fine = 0 < euro < _MOST and euro == euro.quantize(_CENT)
    except InvalidOperation:
        is_fine, euro = False, Decimal(0)
    if not is_fine:
        raise RefundRefused(f"{said} is no amount to pay back; give euro above 0, with at most two decimals.")
    return euro.quantize(_CENT)


def needs_person(order: Order, euro: Decimal, *, key: str) -> bool:
    """Return whether a person must be asked first: what went back before counts, so that no two halves pass.

    Args: key: of the call; what it has done already needs nobody.
    """
    if Refund.objects.filter(idempotency_key=key).exists():
        return False
    return _sum_refunds(order) + euro > FREE_EURO


def pay_back(
    order: Order, euro: Decimal, reason: str, *, key: str, run_id: str, is_approved: bool
) -> Decimal:
    """Pay, or find that this call has paid before; return what went back by it.

    Raises: RefundRefused: more than is left of what the order cost, or more than may go without a person.
    """
    with transaction.atomic():
        # Two calls for one order one after the other, or each would see the sum without the other.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s), hashtext(%s))", [_LOCK, order.number])
        done = Refund.objects.filter(idempotency_key=key).first()
        if done is not None:
            return done.euro
        before = _sum_refunds(order)
        if before + euro > order.euro:
            raise RefundRefused(
                f"Of order {order.number} {order.euro - before} euro are left to pay back, not {euro}."
            )
        if before + euro > FREE_EURO and not is_approved:
            raise RefundRefused(
                f"Somebody has just paid back {before} euro of order {order.number}: look again."
            )
        Refund.objects.create(
            idempotency_key=key,
            run_id=run_id,
            order=order.number,
            customer=order.customer,
            euro=euro,
            reason=reason[:300],
            is_approved=is_approved,
        )
        return euro


def _sum_refunds(order: Order) -> Decimal:
    return Refund.objects.filter(order=order.number).aggregate(sum=Sum("euro"))["sum"] or Decimal(0)
