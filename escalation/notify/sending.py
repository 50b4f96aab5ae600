"""Sends one message over one channel, and says why it could not."""

import http.client
import json
import smtplib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.module_loading import import_string
from standardwebhooks import Webhook

from agents.egress import Answer, post, within
from escalation.conf import get_conf
from escalation.domain.channels import Channel, ChannelKind, is_address
from escalation.domain.wording import both_ends, one_line
from escalation.notify.composing import Message, NothingToSay
from escalation.notify.outbox import Failure

_MOST_RETRY_AFTER: Final = timedelta(days=1)
_GONE: Final = 410


class NotTaken(Exception):
    """The other side did not take a message.

    Attributes: failure: what is to be made of it.
    """

    def __init__(self, failure: Failure) -> None:
        """Say why."""
        super().__init__(failure.why)
        self.failure = failure


def send(channel: Channel, message: Message) -> None:
    """Send a message; whatever is raised, `explain` makes a failure of it."""
    _SENDERS[channel.kind](channel, message)


def explain(error: Exception) -> Failure:
    """Return what is to be made of a sending that failed: most pass, and concern the channel, not the message."""
    if isinstance(error, NotTaken):
        return error.failure
    if isinstance(error, NothingToSay):
        return Failure(str(error), is_final=True, blames_channel=False)
    why = both_ends(f"{type(error).__name__}: {error}")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        is_final = all(code >= http.client.INTERNAL_SERVER_ERROR for code, _ in error.recipients.values())
        return Failure(why, is_final=is_final, blames_channel=False)
    if isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= http.client.INTERNAL_SERVER_ERROR:
        return Failure(why, is_final=True, blames_channel=False)
    return Failure(why)


def _send_mail(channel: Channel, message: Message) -> None:
    """Send it as text and HTML. Its headers are ours alone: no text of others gets into one with a line break."""
    to = [message.person.email] if message.person else list(channel.to)
    if not to or not all(map(is_address, to)):
        raise NotTaken(Failure("there is no mail address to send it to", is_final=True, blames_channel=False))
    shown = {"message": message}
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=render_to_string("escalation/mail/notice.txt", shown),
        from_email=channel.sender or settings.DEFAULT_FROM_EMAIL,
        to=to,
        headers={
            "Message-ID": f"<{message.id}@{message.domain}>",
            "Auto-Submitted": "auto-generated",
            "List-Unsubscribe": f"<{message.preferences_url}>",
        },
    )
    mail.attach_alternative(render_to_string("escalation/mail/notice.html", shown), "text/html")
    with within(get_conf().SEND_SECONDS):
        mail.send()


def _send_webhook(channel: Channel, message: Message) -> None:
    """Post it as the Standard Webhooks say: signed with each secret, so that the receiver may change to the next."""
    now = message.made_at
    body = json.dumps(_describe(message))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Ringmaster",
        "webhook-id": str(message.id),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(
            Webhook(secret).sign(str(message.id), now, body) for secret in channel.secrets
        ),
    }
    answer = post(channel.url, body.encode(), headers, seconds=get_conf().SEND_SECONDS)
    if not answer.is_success:
        raise NotTaken(_read_refusal(answer))


def _describe(message: Message) -> Mapping[str, Any]:
    person = message.person.get_username() if message.person else None
    kind = f"notice.{message.notices[0]['happening']}" if len(message.notices) == 1 else "notice.digest"
    return {
        "type": kind,
        "timestamp": message.notices[0]["at"],
        "data": {"person": person, "notices": list(message.notices)},
    }


def _read_refusal(answer: Answer) -> Failure:
    asked = int(answer.retry_after) if answer.retry_after.isascii() and answer.retry_after.isdecimal() else 0
    said = one_line(answer.beginning[:200].decode(errors="replace"))
    return Failure(
        f"the receiver answered {answer.status}{f': {said}' if said else ''}",
        is_final=answer.status == _GONE,
        wait=min(timedelta(seconds=min(asked, 10**6)), _MOST_RETRY_AFTER),
    )


def _send_through_apprise(channel: Channel, message: Message) -> None:
    """Hand it to the service's own way of Apprise, which is imported with the first such message only."""
    service = import_string("apprise.Apprise")()
    if not service.add(channel.url):
        raise NotTaken(Failure("Apprise can't read the channel's url"))
    lines = [
        line
        for item in message.items
        for line in (
            item.title,
            *(f"{label}: {value}" for label, value in item.facts),
            item.content,
            item.url,
            "",
        )
        if line or line is item.url
    ]
    if not service.notify(title=message.subject, body="\n".join(lines).strip(), body_format="text"):
        raise NotTaken(
            Failure("the service did not take it; Apprise's lines in the maintainer's log say why")
        )


_SENDERS: Final[Mapping[ChannelKind, Callable[[Channel, Message], None]]] = {
    ChannelKind.MAIL: _send_mail,
    ChannelKind.WEBHOOK: _send_webhook,
    ChannelKind.APPRISE: _send_through_apprise,
}
