"""A real maintainer is killed between sending and saying so: the message comes again, under the same id."""

import json
import threading
from http.server import BaseHTTPRequestHandler

import pytest
from django.db.models import F

from escalation.domain.notices import Happening
from escalation.models import Delivery, Ticket
from escalation.notify import announce
from tests.integration.agents.egress.servers import Receiver, hang, listen, receive
from tests.integration.notify.conftest import SECRETS
from tests.processes import SHORT_TIMES, ProcessStarter, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def _env(**urls: str) -> dict[str, str]:
    return {
        "SITE_URL": "https://desk.example.org",
        "RINGMASTER_OVERRIDES": json.dumps({**SHORT_TIMES, "EGRESS_NETWORKS": ["127.0.0.0/8"]}),
        "RINGMASTER_CHANNELS": json.dumps(
            {name: {"kind": "webhook", "url": url, "secrets": SECRETS} for name, url in urls.items()}
        ),
    }


def _ids(receiver: Receiver) -> list[str]:
    return [headers["webhook-id"] for _, headers, _ in receiver.received]


def test_kill_9_between_send_and_mark_sends_it_again_under_the_same_id(
    ticket: Ticket, processes: ProcessStarter
) -> None:
    answer_now = threading.Event()

    def answer_late(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        answer_now.wait(60)
        try:
            handler.send_response(204)
            handler.end_headers()
        except OSError:
            return

    with receive(answer_late) as receiver:
        env = _env(hook=receiver.url)
        announce(Happening.BREACHED, key="b", ticket=ticket, channels=["hook"])
        first = processes.maintainer(**env)
        wait_for(lambda: len(receiver.received) == 1, seconds=60, what="the first sending")
        first.kill()
        delivery = Delivery.objects.get()
        assert (delivery.sent_at, delivery.claim is not None) == (None, True)
        answer_now.set()
        Delivery.objects.update(claimed_until=F("made_at"))  # the lease's minute has passed
        processes.maintainer(**env)
        wait_for(
            lambda: Delivery.objects.filter(sent_at__isnull=False).exists(), seconds=60, what="the second"
        )
    assert _ids(receiver) == [str(delivery.pk)] * 2


def test_a_maintainer_whose_receiver_hangs_still_sends_elsewhere_and_ends_when_told(
    ticket: Ticket, processes: ProcessStarter
) -> None:
    with listen(hang) as port, receive() as receiver:
        announce(Happening.BREACHED, key="b", ticket=ticket, channels=["hangs", "works"])
        maintainer = processes.maintainer(**_env(hangs=f"http://127.0.0.1:{port}/", works=receiver.url))
        wait_for(lambda: len(receiver.received) == 1, seconds=60, what="the message over the other channel")
        assert maintainer.stop(seconds=20) == 0
