"""Where in the table of attempts a moment lies, without an index by time: each attempt would pay for it."""

from datetime import datetime

from django.db.models import Max, Min

from orchestration.models import Attempt


def find_first_attempt(moment: datetime) -> int:
    """Return the number of the first attempt that started at a moment or later; one more than the last if none did.

    By halving: attempts are numbered in the order in which they are written, which is when they start.
    """
    ends = Attempt.objects.aggregate(first=Min("pk"), last=Max("pk"))
    low, high = ends["first"] or 0, (ends["last"] or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = (
            Attempt.objects.filter(pk__gte=middle, pk__lt=high)
            .order_by("pk")
            .values_list("pk", "started_at")
            .first()
        )
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = found[0] + 1
    return low
