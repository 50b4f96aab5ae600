"""`retry_run`: a failed or cancelled run goes on in a new round."""

from orchestration import runs
from orchestration.management.orders import OrderCommand


class Command(OrderCommand):
    """Retry a run."""

    help = "Let a failed or cancelled run go on from what was not done, in a new round; what is done stays."
    order = staticmethod(runs.retry)
