"""A question to an actor: looked at before its call is opened, and sent after; once, whatever dies in between."""

import json
from typing import Final

from agents.domain.addresses import Address, read_address
from agents.domain.calls import CallWish
from agents.errors import AskCycle, MessageRefused
from orchestration.actors.routing import route
from orchestration.conf import get_conf
from orchestration.database.statements import fetch_one
from orchestration.domain.mail import MOST_HOPS, Sender
from orchestration.domain.receipts import canonical, digest_text
from orchestration.domain.work import Claim
from orchestration.publishing import find_or_publish_behaviours
from orchestration.selectors.mail import find_full_mailbox, find_sender
from orchestration.transitions.vocabulary import is_held_by

_SEND: Final = f"""
INSERT INTO orchestration_message (project_id, kind, sender, sender_actor_id, run_id, step_id, attempt, to_name, to_key,
    asked_by_id, key, body_json, digest, hops, chain, requested_by_id, sent_at)
SELECT %(project)s, 'ask', %(sender)s, %(actor)s::bigint, s.run_id, s.id, s.attempt, %(name)s, %(to_key)s, %(call)s,
    %(key)s, %(body)s, %(digest)s, %(hops)s, %(chain)s::text[], %(requested_by)s::bigint, clock_timestamp()
FROM orchestration_step s WHERE s.id = %(step)s AND {is_held_by("s", "%(token)s::uuid")}
ON CONFLICT DO NOTHING RETURNING id
"""


def check_question(claim: Claim, wish: CallWish) -> Sender:
    """Refuse a question that can't be answered, before anything of it is written.

    Raises: AskCycle: whom it asks waits for this turn.  MessageRefused: names the field.
    """
    sender = find_sender(claim.run.run_id)
    address = _read_receiver(wish)
    if str(address) in sender.chain:
        way = " -> ".join((*sender.chain, str(address)))
        raise AskCycle(
            f"to: '{address}' waits for this turn, so that neither could ever answer ({way}); send it a message"
        )
    if sender.hops > MOST_HOPS:
        raise MessageRefused(
            f"it would be {sender.hops} turns away from whoever began: agents ask each other without end"
        )
    if not find_or_publish_behaviours(sender.project_id, {address.name}):
        raise MessageRefused(
            f"to: no published workflow behaves as '{address.name}' in its project; publish one with "
            f"WorkflowSpec(actor='{address.name}', ...)"
        )
    most = get_conf().MAILBOX_LIMIT
    if find_full_mailbox(sender.project_id, [(address.name, address.key)], most) is not None:
        raise MessageRefused(f"to: the mailbox of '{address}' is full ({most:,} messages wait there)")
    return sender


def send_question(claim: Claim, wish: CallWish, call_id: int, sender: Sender) -> None:
    """Send the question of an open call, if it was not sent before."""
    address = _read_receiver(wish)
    body_json = canonical(json.loads(wish.request_json)["body"])
    row = fetch_one(
        _SEND,
        {
            "project": sender.project_id,
            "sender": sender.address,
            "actor": sender.actor_id,
            "name": address.name,
            "to_key": address.key,
            "call": call_id,
            "key": f"ask:{call_id}",
            "body": body_json,
            "digest": digest_text(body_json),
            "hops": sender.hops,
            "chain": list(sender.chain),
            "requested_by": sender.requested_by,
            "step": claim.step_id,
            "token": claim.token,
        },
    )
    if row is not None:
        route(sender.project_id, sender.address)


def _read_receiver(wish: CallWish) -> Address:
    return read_address(json.loads(wish.request_json)["to"])
