"""`resume_run`: a paused run goes on."""

from orchestration import runs
from orchestration.management.orders import OrderCommand


class Command(OrderCommand):
    """Resume a run."""

    help = "Let a paused run and all paused runs below it go on."
    order = staticmethod(runs.resume)
