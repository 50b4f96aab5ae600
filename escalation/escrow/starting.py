"""The clocks of a ticket that is about to open, worked out before anything is written."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from escalation.domain.sla import SlaClass, set_deadlines
from escalation.errors import CalendarInvalid
from escalation.models import CalendarVersion, ReviewQueue


@dataclass(frozen=True, slots=True)
class StartedClocks:
    """The clock columns of a new ticket.

    Attributes: note: "" or why its calendar does not count, for `desk_note`.
    """

    calendar_version_id: int | None
    first_touch_due_at: datetime
    due_at: datetime
    first_touch_within: timedelta
    resolution_within: timedelta
    note: str

    def columns(self) -> dict[str, object]:
        """Return them by the names of the ticket's columns."""
        return {
            "calendar_version_id": self.calendar_version_id,
            "first_touch_due_at": self.first_touch_due_at,
            "due_at": self.due_at,
            "first_touch_within": self.first_touch_within,
            "resolution_within": self.resolution_within,
        }


def start_clocks(sla: SlaClass, queue_id: int | None, opened_at: datetime) -> StartedClocks:
    """Return the clocks of a ticket that opens in a queue; a calendar that can't be counted by counts as none.

    Args: queue_id: None: nothing of the queue is to be read; the clocks run around the clock.
    """
    version, note = _find_version(queue_id) if queue_id is not None else (None, "")
    deadlines = set_deadlines(sla, opened_at, version.read() if version else None)
    if deadlines.note:
        version, note = None, deadlines.note
    return StartedClocks(
        calendar_version_id=version.pk if version else None,
        first_touch_due_at=deadlines.first_touch_due_at,
        due_at=deadlines.due_at,
        first_touch_within=sla.first_touch,
        resolution_within=sla.resolution,
        note=note,
    )


def _find_version(queue_id: int) -> tuple[CalendarVersion | None, str]:
    queue = ReviewQueue.objects.select_related("calendar__current").only("calendar").get(pk=queue_id)
    if queue.calendar is None:
        return None, ""
    version, name = queue.calendar.current, queue.calendar.name
    if version is None:
        return (
            None,
            f"The calendar “{name}” says nothing yet. The clocks of this ticket run around the clock.",
        )
    try:
        version.read()
    except CalendarInvalid as error:
        return None, f"The calendar “{name}”: {error} The clocks of this ticket run around the clock."
    return version, ""
