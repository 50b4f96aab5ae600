"""Which keys the seals of closed rounds were made with."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import Count, Max, Min

from orchestration.models import Seal


class Signatures(NamedTuple):
    """How many seals a key made, and from when to when."""

    seals: int
    first_at: datetime
    last_at: datetime


def count_signatures() -> dict[str, Signatures]:
    """Return what each public key signed, the latest used first; reads every seal."""
    rows = Seal.objects.values("public_key").annotate(
        seals=Count("id"), first_at=Min("sealed_at"), last_at=Max("sealed_at")
    )
    return {
        row["public_key"]: Signatures(row["seals"], row["first_at"], row["last_at"])
        for row in rows.order_by("-last_at")
    }
