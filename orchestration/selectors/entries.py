"""Whether somebody would still be let in: a stream outlives the request that opened it by minutes. Reads only."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare

from orchestration.models import ApiToken
from orchestration.selectors.scope import Caller, call_as


@dataclass(frozen=True, slots=True)
class Entry:
    """The way by which somebody came in. Attributes: session: key of the console's.  token: digest of the API's."""

    user_id: int
    session: str | None = None
    token: str | None = None


def find_callers(entries: Collection[Entry]) -> dict[Entry, Caller]:
    """Return who would be let in by the same way now, as what they are now: at most three statements for all.

    Nobody who signed out, has another password since or was switched off; nobody whose token was revoked or ended.
    """
    people = get_user_model().objects.in_bulk({entry.user_id for entry in entries})
    keys, digests = {entry.session for entry in entries} - {None}, {entry.token for entry in entries} - {None}
    sessions = Session.objects.filter(session_key__in=keys, expire_date__gt=Now()) if keys else ()
    signed_in = {session.session_key: session.get_decoded() for session in sessions}
    tokens = ApiToken.objects.filter(expiry__gt=Now()).in_bulk(digests) if digests else {}
    found: dict[Entry, Caller] = {}
    for entry in entries:
        person: Any = people.get(entry.user_id)
        token = tokens.get(entry.token) if entry.token else None
        if person is None or not person.is_active:
            continue
        if token is not None or _is_signed_in(person, signed_in.get(entry.session or "", {})):
            found[entry] = call_as(person, token)
    return found


def _is_signed_in(person: Any, session: dict[str, Any]) -> bool:
    known = session.get(HASH_SESSION_KEY) or ""
    hashes = (person.get_session_auth_hash(), *person.get_session_auth_fallback_hash())
    is_same = any(constant_time_compare(known, one) for one in hashes)
    return is_same and session.get(SESSION_KEY) == str(person.pk)
