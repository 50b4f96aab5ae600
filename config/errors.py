"""What can go wrong before any app runs: a bad environment variable, a service that does not start."""


class ConfigError(Exception):
    """The root of this layer's errors; the message is one line that says what is wrong and what to do."""

    code = "config_error"


class BadEnvironment(ConfigError):
    """An environment variable is missing or unreadable; the message names it and says what to set."""

    code = "bad_environment"


class ServiceError(ConfigError):
    """An embedded server does not start, answer or stop."""

    code = "service_error"
