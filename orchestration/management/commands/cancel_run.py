"""`cancel_run`: ends a run and all runs below it."""

from orchestration import runs
from orchestration.management.orders import OrderCommand


class Command(OrderCommand):
    """Cancel a run."""

    help = "Cancel a run and all runs below it; work in flight is told, and what it answers is refused."
    order = staticmethod(runs.cancel)
