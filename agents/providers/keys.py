"""Reads the keys of providers from the environment: settings name the variables, so that no key stands in them."""

from __future__ import annotations

import os

from agents.domain.model_specs import ModelSpec
from agents.domain.redaction import teach
from agents.errors import ModelKeyMissing

NO_KEY = "no-key"
"""What is sent to a server that asks for none: the clients insist on one."""


def has_key(spec: ModelSpec) -> bool:
    """Return whether this process has the key of a model, or needs none."""
    return spec.api_key_env is None or bool(_read(spec.api_key_env))


def read_key(spec: ModelSpec) -> str:
    """Return the key of a model, and let it be masked wherever it turns up from now on.

    Raises: ModelKeyMissing: its variable is not set in this process.
    """
    if spec.api_key_env is None:
        return NO_KEY
    key = _read(spec.api_key_env)
    if not key:
        raise ModelKeyMissing(spec.name, spec.api_key_env)
    teach([key])
    return key


def _read(variable: str) -> str:
    return os.environ.get(variable, "").strip()
