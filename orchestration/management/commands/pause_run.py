"""`pause_run`: what runs is finished, nothing new is begun."""

from orchestration import runs
from orchestration.management.orders import OrderCommand


class Command(OrderCommand):
    """Pause a run."""

    help = "Pause a run and all runs below it; what runs is finished, nothing new is begun until resume_run."
    order = staticmethod(runs.pause)
