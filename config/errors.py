"""What can go wrong before any app runs: a bad environment variable, a service that does not start."""

from django.core.exceptions import ImproperlyConfigured


class BadEnvironment(ImproperlyConfigured):
    """An environment variable is missing or unreadable; the message names it and says what to set."""

    code = "bad_environment"


class ServiceError(Exception):
    """An embedded server does not start, answer or stop; the message is one line that says what to do."""

    code = "service_error"
