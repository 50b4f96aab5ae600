"""Finds the agents of every installed app: its module `agents.py`, imported once at start."""

from __future__ import annotations

import logging
from importlib import import_module

from django.apps import apps
from django.utils.module_loading import module_has_submodule

logger = logging.getLogger(__name__)

MODULE_NAME = "agents"


def discover_agents(own_app: str) -> list[str]:
    """Import `agents.py` of every installed app but our own.

    Args:
        own_app: dotted name of the app this package is.

    Returns:
        Dotted paths of the modules imported, in the order of INSTALLED_APPS. An error inside such a module is
        not caught: an app whose agents can't be imported must stop the process that would miss them.
    """
    others = [config for config in apps.get_app_configs() if config.name != own_app]
    found = [
        f"{config.name}.{MODULE_NAME}"
        for config in others
        if config.module is not None and module_has_submodule(config.module, MODULE_NAME)
    ]
    for module in found:
        import_module(module)
        logger.debug("agents of %s are registered", module)
    return found
