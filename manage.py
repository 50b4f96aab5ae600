#!/usr/bin/env python
"""The project's command line: `manage.py help` lists every command."""

import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

from config import env, services
from config.errors import ConfigError
from config.streams import guarded_streams, read_words


def main() -> None:
    """Run one management command; when the database is away, say in one line what to do."""
    env.choose_settings("config.settings.local")
    # A command uses one connection; a pool would retry for 10 s before it says that the database is away.
    env.set_default("DATABASE_POOL_SIZE", "0")
    try:
        with guarded_streams():
            execute_from_command_line(read_words(sys.argv))
    except (ConfigError, ImproperlyConfigured) as error:
        sys.exit(str(error))
    except OperationalError as error:
        sqlstate = getattr(error.__cause__, "sqlstate", None)
        hint = services.explain_unreachable_database(env.state_dir(), env.text("DATABASE_URL"), sqlstate)
        if hint is None:
            raise
        sys.exit(f"{hint} ({str(error).strip().splitlines()[0]})")


if __name__ == "__main__":
    main()
