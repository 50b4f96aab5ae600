"""Making calendars and their versions."""

import json
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from escalation.audit import record
from escalation.domain.acts import Act
from escalation.domain.calendar import read_calendar
from escalation.errors import CalendarInvalid
from escalation.models import Calendar, CalendarVersion
from orchestration.models import Project

_MOST_NAME = 100


def save_calendar(
    project: Project,
    name: str,
    time_zone: str,
    hours: Any,
    holidays: Any,
    *,
    user: AbstractBaseUser | None,
) -> CalendarVersion:
    """Make a calendar, or a further version of the one that is called so; tickets that open from now on go by it.

    The same once more makes no further version. Open tickets keep theirs until somebody re-plans them.

    Args: hours, holidays: as `build_calendar` has them.
    Raises: CalendarInvalid: naming the field; nothing was saved.
    """
    name = name.strip()
    if not 0 < len(name) <= _MOST_NAME or "\x00" in name:
        raise CalendarInvalid(f"name: give 1 to {_MOST_NAME} characters.")
    hours_json, holidays_json = _write(hours), _write(holidays)
    read_calendar(time_zone, hours_json, holidays_json)
    with transaction.atomic():
        Calendar.objects.get_or_create(project=project, name=name)
        calendar = Calendar.objects.select_for_update(of=("self",)).get(project=project, name=name)
        current = calendar.current
        texts = (time_zone, hours_json, holidays_json)
        if current and (current.time_zone, current.hours_json, current.holidays_json) == texts:
            return current
        version = CalendarVersion.objects.create(
            calendar=calendar,
            number=current.number + 1 if current else 1,
            time_zone=time_zone,
            hours_json=hours_json,
            holidays_json=holidays_json,
            made_by_id=user.pk if user else None,
            made_by_name=user.get_username() if user else "",
        )
        calendar.current = version
        calendar.save(update_fields=("current",))
        record(Act.CHANGED, user, calendar=name, project=project.slug, version=version.number)
    return version


def _write(value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise CalendarInvalid(f"hours: this is no JSON ({error}).") from None
