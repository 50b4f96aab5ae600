#!/usr/bin/env python
"""The project's command line: `manage.py help` lists every command."""

import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import Error as DatabaseError

from config import env, services
from config.errors import ConfigError
from config.streams import guarded_streams, read_words
from orchestration.outages import is_away, read_sqlstate

# The library of logs loads this one, if it is there, for tracebacks in colour: a sixth of a command's start.
sys.modules.setdefault("rich", None)  # type: ignore[arg-type]


def main() -> None:
    """Run one management command; when the database is away, say in one line what to do."""
    # A command uses one connection; a pool would retry for 10 s before it says that the database is away.
    env.set_default("DATABASE_POOL_SIZE", "0")
    try:
        env.choose_settings("config.settings.local")
        with guarded_streams():
            execute_from_command_line(read_words(sys.argv))
    except (ConfigError, ImproperlyConfigured) as error:
        sys.exit(str(error))
    except DatabaseError as error:
        if not is_away(error):
            raise
        sqlstate = read_sqlstate(error)
        hint = services.explain_unreachable_database(env.state_dir(), env.text("DATABASE_URL"), sqlstate)
        if hint is None:
            hint = (
                "The database answers, but can't do this now; nothing was half done, try again in a moment."
            )
        sys.exit(f"{hint} ({str(error).strip().splitlines()[0]})")


if __name__ == "__main__":
    main()
