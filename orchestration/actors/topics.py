"""Topics with versioned schemas, and who hears them."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from pydantic import BaseModel

from agents.domain.addresses import is_actor_name, read_address
from agents.errors import MessageRefused
from orchestration.actors.projects import find_project
from orchestration.domain.mail import MOST_RULES
from orchestration.domain.spec_parts import check_listening
from orchestration.errors import MessageInvalid
from orchestration.models import Subscription, Topic
from orchestration.publishing import find_or_publish_behaviours
from orchestration.publishing.topics import define


def define_topic(
    name: str,
    schema: Mapping[str, Any] | type[BaseModel] | None = None,
    *,
    description: str = "",
    force: bool = False,
    by: AbstractBaseUser | None = None,
    project: str = "default",
) -> Topic:
    """Make a topic, or give it another schema as a new version; the same schema changes nothing.

    Args: schema: JSON Schema of what is published, or a pydantic model; None: anything.
        force: although it may break subscribers.
    Raises: ProjectNotFound. MessageInvalid: names the field.  SchemaBreaks: a message of the new schema need not meet
        the old one, and somebody subscribes; says what and whom.
    """
    owner = find_project(project)
    return define(owner, name, schema, description=description, force=force, by=by).topic


def subscribe(
    topic: str,
    name: str,
    *,
    key: str = "",
    key_from: str = "",
    where: str = "",
    by: AbstractBaseUser | None = None,
    project: str = "default",
) -> Subscription:
    """Let actors hear a topic: one by its key, or whichever the message says; once more it changes nothing.

    Args: name: of their behaviour.  key: of one, a member of the topic.  key_from: CEL over {body, sender} instead: the
        key of whom a message is for.  where: CEL likewise; false: not for them.
    Raises: ProjectNotFound. MessageInvalid: names the field.
    """
    owner = find_project(project)
    found = Topic.objects.filter(project=owner, name=topic).first() if is_actor_name(topic) else None
    if found is None:
        raise MessageInvalid(
            f"topic: there is none named {topic!r:.120} in project '{project}'; define it first, by a TopicSpec and "
            "`manage.py publish_workflows`, or by actors.define_topic"
        )
    if bool(key) == bool(key_from):
        raise MessageInvalid("key: give either the key of one actor, or key_from= for whom a message is for")
    if key and where:
        raise MessageInvalid("where: a member gets all that is published; with key_from= it may choose")
    try:
        if key:
            read_address(f"{name}/{key}")
        else:
            check_listening("key_from", key_from)
            check_listening("where", where)
    except (MessageRefused, ValueError) as error:
        raise MessageInvalid(str(error)) from error
    if not is_actor_name(name) or not find_or_publish_behaviours(owner.pk, {name}):
        raise MessageInvalid(
            f"name: no published workflow behaves as {name!r:.120} in project '{project}'; "
            "`manage.py publish_workflows` publishes those of the code"
        )
    if not key:
        _refuse_many_rules(found, name, key_from, where)
    made, _ = Subscription.objects.get_or_create(
        topic=found,
        name=name,
        key=key,
        key_from=key_from,
        where=where,
        defaults={"made_by": "" if by is None else by.get_username()},
    )
    return made


def _refuse_many_rules(topic: Topic, name: str, key_from: str, where: str) -> None:
    rules = topic.subscriptions.filter(key="")
    if rules.count() < MOST_RULES or rules.filter(name=name, key_from=key_from, where=where).exists():
        return
    raise MessageInvalid(
        f"key_from: topic '{topic.name}' has {MOST_RULES} rules already, and each message is held against all of them; "
        "let one rule give the keys of several actors, or subscribe members by key="
    )


def unsubscribe(subscription_id: int) -> bool:
    """Let nobody hear a topic by a subscription any more; mailboxes keep what they have. False: it was not there."""
    return bool(Subscription.objects.filter(pk=subscription_id, source="").delete()[0])
