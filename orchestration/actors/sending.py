"""A message from somebody outside: a person, the API, a command, code of the project. One row, then it is routed."""

import json
import re
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from agents.domain.addresses import Address, read_address
from agents.domain.json_schema import find_fault
from agents.domain.outbox import MessageKind, check_topic, write_body
from agents.errors import MessageRefused
from orchestration.actors.projects import find_project, is_storable, refuse_project
from orchestration.actors.routing import pass_on
from orchestration.conf import get_conf
from orchestration.database.statements import fetch_one
from orchestration.domain.mail import GIVEN
from orchestration.domain.receipts import digest_text
from orchestration.errors import MailboxFull, MessageConflict, MessageInvalid
from orchestration.models import Message
from orchestration.publishing import find_or_publish_behaviours
from orchestration.selectors.mail import find_door, find_topics

MOST_KEY: Final = 200
_WAY: Final = re.compile(r"[a-z][a-z0-9_-]{0,99}")
"""No address, and no `user:` or `workflow:`: nobody sends in another's name."""
_INSERT: Final = """
INSERT INTO orchestration_message (project_id, kind, topic_id, schema_version, sender, sent_by_id, to_name, to_key,
    key, body_json, digest, hops, requested_by_id, sent_at)
VALUES (%(project)s, %(kind)s, %(topic)s::bigint, %(version)s::integer, %(sender)s, %(by)s::bigint, %(name)s,
    %(to_key)s, %(key)s, %(body)s, %(digest)s, 0, %(by)s::bigint, clock_timestamp())
ON CONFLICT (project_id, sender, key) WHERE key IS NOT NULL DO NOTHING RETURNING id
"""


def send(
    to: str,
    body: Any,
    *,
    sender: AbstractBaseUser | None = None,
    idempotency_key: str | None = None,
    project: str = "default",
    through: str = "code",
) -> Message:
    """Send a message to an actor, which is made by its first one; once this returns, the message is durable.

    Args:
        to: its address, as "support.case/4711".
        body: JSON, at most 65,536 bytes.
        sender: the account that sends it; its messages to one actor are read in the order in which they were sent.
        idempotency_key: the same key and message of a sender are one message.
        through: by which way, in a word, where nobody is named.
    Raises: ProjectNotFound. MessageInvalid: names the field.  MailboxFull. MessageConflict: the key is another's.
    """
    address, text = _read(to, body)
    most = get_conf().MAILBOX_LIMIT
    door = find_door(project, address.name, address.key, most) if is_storable(project) else None
    if door is None:
        raise refuse_project(project)
    if not door.is_known and not find_or_publish_behaviours(door.project_id, {address.name}):
        raise MessageInvalid(
            f"to: no published workflow behaves as '{address.name}' in project '{project}'; give an "
            f"agent of that name a mailbox=, or write WorkflowSpec(actor='{address.name}', ...), and run "
            "`manage.py publish_workflows`"
        )
    # What was accepted once is accepted again, however full the mailbox is since.
    if door.is_full and not _is_known(door.project_id, _name_sender(sender, through), idempotency_key):
        raise MailboxFull(f"to: {most:,} messages wait for '{address}' already; see what holds its turn up")
    about = {
        "kind": MessageKind.DIRECT,
        "topic": None,
        "version": None,
        "name": address.name,
        "to_key": address.key,
    }
    return _send(door.project_id, about, text, sender, through, idempotency_key)


def publish(
    topic: str,
    body: Any,
    *,
    sender: AbstractBaseUser | None = None,
    idempotency_key: str | None = None,
    project: str = "default",
    through: str = "code",
) -> Message:
    """Publish a message to a topic, whose latest schema it must meet. As `send`.

    Raises: ProjectNotFound. MessageInvalid. MessageConflict.
    """
    try:
        name, body_json = check_topic(topic), write_body("publish", body)
    except MessageRefused as error:
        raise MessageInvalid(str(error)) from error
    owner = find_project(project)
    found = find_topics(owner.pk, {name}).get(name)
    if found is None:
        raise MessageInvalid(
            f"topic: there is none named '{name}' in project '{project}'; define it first, by a TopicSpec and "
            "`manage.py publish_workflows`, or by actors.define_topic"
        )
    fault = (
        None
        if found.schema_json is None
        else find_fault(json.loads(found.schema_json), json.loads(body_json))
    )
    if fault is not None:
        raise MessageInvalid(f"body{fault[0]}: {fault[1]} (schema v{found.version} of '{name}')")
    about = {
        "kind": MessageKind.TOPIC,
        "topic": found.topic_id,
        "version": found.version,
        "name": "",
        "to_key": "",
    }
    return _send(owner.pk, about, body_json, sender, through, idempotency_key)


def _read(to: str, body: Any) -> tuple[Address, str]:
    try:
        return read_address(to), write_body("send", body)
    except MessageRefused as error:
        raise MessageInvalid(str(error)) from error


def _send(
    project_id: int,
    about: dict[str, Any],
    text: str,
    by: AbstractBaseUser | None,
    through: str,
    key: str | None,
) -> Message:
    _check(key, through)
    name = _name_sender(by, through)
    stored = _name_key(key)
    values = {
        "project": project_id,
        "sender": name,
        "by": None if by is None else by.pk,
        "key": stored,
        "body": text,
        "digest": digest_text(text),
    }
    row = fetch_one(_INSERT, about | values)
    if row is None:
        return _require_same(about, values, key)
    transaction.on_commit(lambda: pass_on([(project_id, name)]))
    return Message.objects.get(pk=row.id)


def _name_sender(by: AbstractBaseUser | None, through: str) -> str:
    return through if by is None else f"user:{by.get_username()}"


def _name_key(key: str | None) -> str | None:
    # As it is kept: apart from those of reminders and questions.
    return None if key is None else f"{GIVEN}{key}"


def _is_known(project_id: int, sender: str, key: str | None) -> bool:
    return (
        isinstance(key, str)
        and key.isprintable()
        and Message.objects.filter(project=project_id, sender=sender, key=_name_key(key)).exists()
    )


def _check(key: object, through: object) -> None:
    if key is not None and not (isinstance(key, str) and 1 <= len(key) <= MOST_KEY and key.isprintable()):
        raise MessageInvalid(f"idempotency_key: must be 1 to {MOST_KEY} printable characters, or None")
    if not isinstance(through, str) or _WAY.fullmatch(through) is None:
        raise MessageInvalid(
            f"through: {through!r:.120} names no way; write a word of lower-case letters, digits, '-' and '_', as 'api'"
        )


def _require_same(about: dict[str, Any], values: dict[str, Any], key: str | None) -> Message:
    known = Message.objects.get(project=values["project"], sender=values["sender"], key=values["key"])
    said = (known.digest, known.kind, known.topic_id, known.to_name, known.to_key)
    if said != (values["digest"], about["kind"], about["topic"], about["name"], about["to_key"]):
        raise MessageConflict(
            f"idempotency_key '{key}' is that of message {known.pk}, which is another; choose a new one"
        )
    return known
