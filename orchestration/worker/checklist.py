"""What a worker looks at before it takes work, as `check --database default` would.

Celery would run every system check there is, which loads all pages of the web process, and heed none of them. Here
a fault of the engine's own settings, or a database that can't keep a process's lock, ends the start; what concerns
single agents is only said, since the others can work. A database that is away is waited for.
"""

from collections.abc import Sequence

import structlog
from django.core.checks import WARNING, CheckMessage, Tags, run_checks
from django.db import connections

log = structlog.get_logger(__name__)

WORKER = "worker"
"""The tag of checks, beside Django's of the database, that a worker runs before it starts."""
_ENGINE = "orchestration."
_DATABASE_AWAY = "orchestration.E006"


def refuse_faults() -> None:
    """Run the checks; log what they find.

    Raises: SystemExit: with a line for each fault that no step could be performed with.
    """
    found = run_checks(tags=[WORKER, Tags.database], databases=["default"])
    connections.close_all()  # a child that is forked later must not inherit one
    for message in found:
        tell, word = (log.warning, "check_failed") if message.level >= WARNING else (log.info, "check_noted")
        tell(word, check=message.id, fault=message.msg, next=message.hint)
    if faults := [message for message in found if _is_fatal(message)]:
        raise SystemExit(f"The worker can't start.\n{_describe(faults)}")


def _is_fatal(message: CheckMessage) -> bool:
    of_engine = (message.id or "").startswith(_ENGINE)
    return of_engine and message.is_serious() and message.id != _DATABASE_AWAY


def _describe(faults: Sequence[CheckMessage]) -> str:
    return "\n".join(f"{fault.id}: {fault.msg}. {fault.hint or ''}".rstrip() for fault in faults)
