"""Topics: a schema becomes a new version when its content is new, and what may break subscribers is refused."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from pydantic import BaseModel

from agents.domain.canonical import canonical_json
from agents.domain.classification import make_storable
from agents.domain.json_schema import SchemaInvalid, compile_schema, describe_model
from agents.domain.outbox import check_topic
from agents.errors import MessageRefused, UnreadableOutput
from orchestration.domain.receipts import digest_text
from orchestration.domain.spec_parts import TopicSpec
from orchestration.domain.topic_changes import find_breaking_changes
from orchestration.errors import MessageInvalid, Problem, SchemaBreaks, SpecInvalid
from orchestration.models import Project, Topic, TopicSchema

_MOST_DESCRIPTION: Final = 2_000


@dataclass(frozen=True, slots=True)
class PublishedTopic:
    """What publishing did with one topic. `version`: of the schema that holds."""

    topic: Topic
    version: int
    is_new: bool


def define(
    owner: Project,
    name: str,
    schema: object,
    *,
    description: str = "",
    force: bool = False,
    by: AbstractBaseUser | None = None,
) -> PublishedTopic:
    """Make a topic, or give it another schema as a new version; the same schema changes nothing.

    Args: force: although it may break subscribers.
    Raises: MessageInvalid: names the field.  SchemaBreaks: a message of the new schema need not meet the old one, and
        somebody subscribes; says what and whom.
    """
    schema_json, description = _read_schema(name, schema), _read_description(description)
    with transaction.atomic():
        topic, _ = Topic.objects.select_for_update(no_key=True).get_or_create(project=owner, name=name)
        if description and description != topic.description:
            topic.description = description
            topic.save(update_fields=["description"])
        latest = topic.schemas.first()
        if latest is not None and latest.digest == digest_text(schema_json):
            return PublishedTopic(topic, latest.version, is_new=False)
        breaks = (
            find_breaking_changes(json.loads(latest.schema_json), json.loads(schema_json)) if latest else []
        )
        _refuse_breaking(topic, breaks, force=force)
        made = TopicSchema.objects.create(
            topic=topic,
            version=latest.version + 1 if latest else 1,
            schema_json=schema_json,
            digest=digest_text(schema_json),
            made_by="" if by is None else by.get_username(),
            forced=bool(breaks),
        )
    return PublishedTopic(topic, made.version, is_new=True)


def find_code_topics() -> list[TopicSpec]:
    """Return the module-level topics of every installed app's `workflows.py`, by name.

    Raises: SpecInvalid: two of them have the same name.
    """
    found: dict[str, TopicSpec] = {}
    for config in apps.get_app_configs():
        module = sys.modules.get(f"{config.name}.workflows")
        for spec in vars(module).values() if module else ():
            # One that is imported from another app's file is the same object.
            if isinstance(spec, TopicSpec) and found.setdefault(spec.name, spec) is not spec:
                raise SpecInvalid([Problem(None, "name", f"two topics are named '{spec.name}'")])
    return [found[name] for name in sorted(found)]


def _read_description(text: object) -> str:
    if not isinstance(text, str) or len(text) > _MOST_DESCRIPTION:
        raise MessageInvalid(f"description: must be text of at most {_MOST_DESCRIPTION:,} characters")
    return make_storable(text)


def _read_schema(name: str, schema: object) -> str:
    said: Any = {} if schema is None else schema
    try:
        if isinstance(said, type) and issubclass(said, BaseModel):
            said = describe_model(said)
        check_topic(name)
        if not isinstance(said, Mapping):
            raise MessageInvalid(
                "schema: must be a JSON Schema (an object), a pydantic model class, or None for anything"
            )
        compile_schema(said)
        return canonical_json(dict(said))
    except MessageRefused as error:
        raise MessageInvalid(str(error)) from error
    except SchemaInvalid as error:
        raise MessageInvalid(f"schema{error.path}: {error.reason}") from error
    except UnreadableOutput as error:
        raise MessageInvalid(f"schema{error.path}: {error.reason}") from error


def _refuse_breaking(topic: Topic, breaks: list[str], *, force: bool) -> None:
    if not breaks or force:
        return
    heard_by = sorted({str(each) for each in topic.subscriptions.all()[:20]})
    if heard_by:
        raise SchemaBreaks(
            f"schema: what is published to '{topic.name}' by it need not meet what subscribers know "
            f"({'; '.join(breaks[:10])}). It may break {', '.join(heard_by)}. Keep what they read, or say force"
        )
