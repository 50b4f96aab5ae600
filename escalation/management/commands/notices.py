"""`notices`: what people are told, how it goes, and sending again what was given up."""

import json
from typing import Any, Final
from uuid import UUID

from django.core.management import CommandError, CommandParser
from django.db.models import Q, QuerySet

from escalation.domain.wording import both_ends
from escalation.management.arguments import find_person
from escalation.management.base import DeskCommand
from escalation.models import Delivery
from escalation.notify import send_again, send_test
from escalation.selectors.channels import STATES
from orchestration.management.arguments import add_json_switch

_STATES: Final = {**STATES, "all": Q()}
_MOST: Final = 1000
_MOST_SAID: Final = 160


class Command(DeskCommand):
    """List messages, send again, or send a test."""

    help = "List the messages to people; send again what was given up, or send a test."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add filters and deeds."""
        parser.add_argument("--channel", default="", metavar="NAME", help="Only messages over this channel.")
        parser.add_argument("--state", choices=sorted(_STATES), default="waiting")
        parser.add_argument(
            "--resend", metavar="ID", help="Try a message that was given up anew; 'all': all of them."
        )
        parser.add_argument("--test", action="store_true", help="Send a test to --as, or over --channel.")
        parser.add_argument("--as", dest="username", metavar="USER", help="Who acts.")
        add_json_switch(parser)

    def handle(
        self,
        *,
        channel: str,
        state: str,
        resend: str | None,
        test: bool,
        username: str | None,
        as_json: bool,
        **options: Any,
    ) -> None:
        """Do one of them."""
        if (resend or test) and not username:
            raise CommandError("--as: say who acts.")
        messages = Delivery.objects.filter(channel=channel) if channel else Delivery.objects.all()
        if test:
            send_test(find_person(username or ""), channel)
            self.stdout.write(
                "A test is on its way; within seconds `manage.py notices --state all` shows what became of it."
            )
        elif resend:
            self._resend(messages, resend, username or "")
        else:
            found = (
                messages.filter(_STATES[state]).select_related("person").order_by("-made_at", "pk")[:_MOST]
            )
            self._write([_describe(row) for row in found], as_json=as_json)

    def _resend(self, messages: QuerySet[Delivery], which: str, username: str) -> None:
        person = find_person(username)
        lost = messages.filter(_STATES["lost"])
        if which != "all":
            try:
                lost = lost.filter(pk=UUID(which))
            except ValueError:
                raise CommandError(
                    f"--resend: '{which[:60]}' is no message's id; --state lost lists them."
                ) from None
        sent = sum(send_again(pk, person) for pk in list(lost.values_list("pk", flat=True)))
        if not sent:
            raise CommandError("--resend: no such message was given up; --state lost lists those that were.")
        self.stdout.write(f"{sent} {'message is' if sent == 1 else 'messages are'} tried again.")

    def _write(self, rows: list[dict[str, Any]], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(rows, indent=2))
            return
        if not rows:
            self.stdout.write("No such messages.")
        for row in rows:
            to = row["person"] or "(as the channel says)"
            why = both_ends(row["last_error"], _MOST_SAID)
            self.stdout.write(f"{row['id']}  {row['channel']:<16} {to:<20} {row['state']:<14} {why}")


def _describe(row: Delivery) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "channel": row.channel,
        "person": row.person.get_username() if row.person else None,
        "state": row.state,
        "tries": row.tries,
        "made_at": row.made_at.isoformat(),
        "due_at": row.due_at.isoformat(),
        "sent_at": row.sent_at.isoformat() if row.sent_at else None,
        "gave_up_at": row.gave_up_at.isoformat() if row.gave_up_at else None,
        "last_error": both_ends(row.last_error),
    }
