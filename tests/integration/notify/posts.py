"""Mail servers on loopback: one that takes mail, and some that do not as they should."""

import email
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller


class Mailbox:
    """Keeps what a real SMTP server took.

    Attributes: refuse: what is answered instead to a recipient, or to the whole mail, e.g. `550 no such person`.
    """

    def __init__(self, refuse_recipient: str = "", refuse_data: str = "") -> None:
        self.mails: list[EmailMessage] = []
        self.refuse_recipient, self.refuse_data = refuse_recipient, refuse_data

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd calls it
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if self.refuse_recipient:
            return self.refuse_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - as aiosmtpd calls it
        if self.refuse_data:
            return self.refuse_data
        self.mails.append(email.message_from_bytes(envelope.content, policy=default))
        return "250 taken"


@contextmanager
def deliver_to(mailbox: Mailbox) -> Iterator[int]:
    """Run a mail server; yield its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def drop_after_data(line: socket.socket, _ended: threading.Event) -> None:
    """Take a whole mail, and hang up instead of saying so."""
    talk = line.makefile("rwb")
    talk.write(b"220 here\r\n")
    talk.flush()
    in_data = False
    for command in talk:
        if in_data:
            if command.rstrip() == b".":
                return
            continue
        in_data = command.upper().startswith(b"DATA")
        talk.write(b"354 go on\r\n" if in_data else b"250 OK\r\n")
        talk.flush()
