"""Setting up, and taking away somebody's second factor: who may, and what is told of it."""

from collections.abc import Iterator
from typing import cast

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django_otp.models import Device
from django_otp.plugins.otp_totp.models import TOTPDevice

from config.second_factor import devices
from escalation.audit import record
from escalation.domain.acts import Act
from escalation.domain.desk_rights import DeskRight, desk_roles_with
from escalation.models import QueueRole
from escalation.selectors.people import list_deciders
from escalation.selectors.scope import find_queues
from orchestration.domain.rights import Right, roles_with
from orchestration.models import Membership
from orchestration.selectors.scope import Caller, find_projects


def set_up_app(user: User, key: str, code: str, *, replaces: bool) -> tuple[Device, list[str]]:
    """Set up the app that holds a secret, and tell the audit; return the device and new recovery codes.

    Raises: CodeRefused, AlreadyEnrolled.
    """
    with transaction.atomic():
        device, codes = devices.enrol(user, key, code, replaces=replaces)
        record(Act.ENROLLED, user, what="another app" if replaces else "authenticator app")
    return device, codes


def renew_codes(user: User) -> list[str]:
    """Make new recovery codes, and tell the audit."""
    with transaction.atomic():
        codes = devices.renew_recovery_codes(user)
        record(Act.ENROLLED, user, what="recovery codes")
    return codes


def list_resettable(caller: Caller) -> QuerySet[User]:
    """Return whose second factor somebody may take away: superusers all others', leads that of whom they lead.

    No lead takes away that of a superuser, nor of who manages what the lead does not: with the password alone, one
    could then sign in as one. A token that opens one project makes a superuser a lead of that project.
    """
    enrolled = User.objects.filter(pk__in=TOTPDevice.objects.filter(confirmed=True).values("user"))
    others = enrolled.exclude(pk__in=[caller.user_id]).order_by("username")
    if caller.sees_all:
        return others
    led: set[int] = set()
    for queue in find_queues(caller, DeskRight.LEAD):
        led.update(list_deciders(queue).values_list("pk", flat=True))
    gives_rights = Q(is_superuser=True) | _has_permissions() | _manages_beyond(caller)
    return others.filter(pk__in=led).exclude(pk__in=User.objects.filter(gives_rights).values("pk"))


def _has_permissions() -> Q:
    """Return the condition that an account has permissions of Django's for accounts and groups."""
    return Q(user_permissions__content_type__app_label="auth") | Q(
        groups__permissions__content_type__app_label="auth"
    )


def _manages_beyond(caller: Caller) -> Q:
    """Return the condition that an account gives roles where somebody does not: at a review queue, or in a project."""
    roles = QueueRole.objects.filter(role__in=desk_roles_with(DeskRight.MANAGE)).order_by()
    queues = roles.exclude(queue__in=find_queues(caller, DeskRight.MANAGE).order_by().values("pk"))
    members = Membership.objects.filter(role__in=roles_with(Right.MANAGE)).order_by()
    projects = members.exclude(project__in=find_projects(caller, Right.MANAGE).order_by().values("pk"))
    return Q(groups__in=queues.values("group")) | Q(groups__in=projects.values("group"))


def reset_second_factor(person: User, by: User | None) -> bool:
    """Take away somebody's app and recovery codes and end their sessions; return whether there was anything.

    Their sessions end, since whoever holds one could else set up a device of their own without the password.

    Args: by: None for whoever has a shell; the audit then says whose.
    """
    with transaction.atomic():
        had_any = devices.remove_devices(person)
        Session.objects.filter(pk__in=list(_list_sessions(person))).delete()
        record(Act.RESET, by, person=person.get_username(), person_id=person.pk)
    return had_any


def _list_sessions(person: User) -> Iterator[str]:
    """Yield the keys of somebody's sessions. Who they are of is inside: all that live are looked through."""
    for session in Session.objects.filter(expire_date__gt=Now()).iterator():
        if str(cast("dict[str, object]", session.get_decoded()).get(SESSION_KEY)) == str(person.pk):
            yield session.pk
