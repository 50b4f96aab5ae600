"""Loads the console's pages when somebody asks for them: the URLs, or a check of the console.

Django's own app loads them in every process. Workers and the maintainer show no pages, and start again in a hurry
when they died.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core.checks import CheckMessage, Tags, register


class ConsoleConfig(SimpleAdminConfig):
    """`django.contrib.admin` without its search for pages at every start."""

    default = False
    default_site = "config.site.ConsoleSite"

    def ready(self) -> None:
        """Register the console's checks; not through the base class, which would check only pages loaded by chance."""
        register(check_dependencies, Tags.admin)
        register(check_pages, Tags.admin)


def check_pages(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Check the pages of all apps."""
    admin.autodiscover()
    return list(check_admin_app(app_configs, **options))
