"""Fields that rows of several kinds have."""

import json
from typing import Any

from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


@extend_schema_field({})
class JsonText(serializers.Field[Any, Any, Any, Any]):
    """A column of JSON text, shown as the value it is."""

    def __init__(self, source: str) -> None:
        """Name the column."""
        super().__init__(read_only=True, source=source)

    def get_attribute(self, instance: Any) -> Any:
        """Return the text, and null for none."""
        return super().get_attribute(instance) or "null"

    def to_representation(self, value: str) -> Any:
        """Return the value."""
        return json.loads(value)


@extend_schema_field(str)
class Names(serializers.Field[Any, Any, Any, Any]):
    """A person as their user name."""

    def to_representation(self, value: User) -> str:
        """Return the name."""
        return value.get_username()


def word(words: Any, **how: Any) -> serializers.ChoiceField:
    """Return a field that is one of some words."""
    choices = [(str(word), getattr(word, "name", word)) for word in words]
    return serializers.ChoiceField(choices=choices, read_only=True, **how)
