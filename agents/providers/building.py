"""Builds the model that a name of `RINGMASTER["MODELS"]` stands for. The clients are imported when first one is built.

A process that asks for no model never imports any of them: that takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from django.utils.module_loading import import_string

from agents.conf import get_conf
from agents.domain.model_specs import ModelSpec
from agents.errors import ModelUnknown
from agents.providers.keys import read_key

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.settings import ModelSettings

    Build = Callable[[ModelSpec, str, ModelSettings], Model]

_BUILDERS: Final[Mapping[str, str]] = {
    "openai": "agents.providers.openai.build",
    "openai-chat": "agents.providers.openai.build",
    "openai-responses": "agents.providers.openai.build",
    "anthropic": "agents.providers.anthropic.build",
    "google": "agents.providers.google.build",
}


def find_spec(name: str) -> ModelSpec:
    """Return what settings say of a model.

    Raises: ModelUnknown: nothing.
    """
    models = get_conf().MODELS
    if name in models:
        return models[name]
    raise ModelUnknown(name, tuple(get_close_matches(name, models, n=3)))


def find_address(name: str) -> str:
    """Return provider and model of a name, as people know them: `openai/gpt-5-mini`; of one that is none, itself."""
    spec = get_conf().MODELS.get(name)
    return spec.address if spec is not None else name.replace(":", "/")


def build_model(name: str) -> Model:
    """Return the model of this name, the same one as long as settings and key stay; any event loop may use it.

    The clients try nothing again: each try is one call, recorded with its cost.

    Raises:
        ModelUnknown: `RINGMASTER["MODELS"]` has no such name.
        ModelKeyMissing: the variable that holds its key is not set in this process.
    """
    spec = find_spec(name)
    return _build(spec, read_key(spec))


@lru_cache(maxsize=64)
def _build(spec: ModelSpec, key: str) -> Model:
    build: Build = import_string(_BUILDERS[spec.kind])
    return build(spec, key, {"max_tokens": spec.max_tokens, "timeout": spec.timeout_seconds})
