"""Django's way to a mail server, through the egress check. Named by the setting EMAIL_BACKEND."""

import smtplib
import socket
from typing import Any, Final

from django.core.mail.backends.smtp import EmailBackend

from agents.egress.lines import open_line

_SECONDS: Final = 10.0


class _Smtp(smtplib.SMTP):
    # smtplib's own door for this: its TLS class replaces the same method.
    def _get_socket(self, host: str, port: int, timeout: float | None) -> socket.socket:
        return open_line(host, port, timeout or _SECONDS)


class _SmtpOverTls(smtplib.SMTP_SSL, _Smtp):  # the method above, below that of TLS
    pass


class CheckedMail(EmailBackend):
    """As Django's own, but connects to no address that the egress check refuses."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Bound each read and write if EMAIL_TIMEOUT does not."""
        super().__init__(*args, **options)
        self.timeout = self.timeout or _SECONDS

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        """Return who speaks to the server."""
        return _SmtpOverTls if self.use_ssl else _Smtp
