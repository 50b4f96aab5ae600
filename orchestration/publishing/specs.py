"""Publishing: a spec becomes a new, immutable version when its content is new."""

import sys
from collections.abc import Collection
from dataclasses import dataclass, replace

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from agents.domain.reading import read_json
from agents.selectors import find_contract, list_contracts
from orchestration.domain.spec import (
    StepSpec,
    TopicSpec,
    WorkflowSpec,
    canonical_spec,
    check_agents,
    digest_spec,
    load_spec,
)
from orchestration.errors import MessageInvalid, Problem, SpecInvalid, StepNotFound, WorkflowNotFound
from orchestration.models import Project, Workflow
from orchestration.publishing.behaviours import find_behaviour, find_forsaken, take_over_listening
from orchestration.publishing.topics import PublishedTopic, define, find_code_topics
from orchestration.selectors.mail import find_behaviours

DEFAULT_PROJECT = "default"


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing did with one spec. `gave_up`: the name of actors that it is the behaviour of no more."""

    workflow: Workflow
    is_new: bool
    gave_up: str = ""


def publish(spec: WorkflowSpec, *, project: str = DEFAULT_PROJECT) -> Published:
    """Publish a spec: a new version when its content differs from the latest, else the latest.

    Going back to what an older version said is a new version too: runs start on the latest, and numbers tell the
    order in which things were published.

    Raises: SpecInvalid: it names an unknown agent, or the project has no slug that addresses can name; or it gives up
        the name of actors that have mail.
    """
    with transaction.atomic():
        published = _publish(spec, project)
        _require_behaviours(published)
    return published


def _publish(spec: WorkflowSpec, project: str) -> Published:
    check_agents(spec, find_contract)
    canonical = canonical_spec(spec)
    digest = digest_spec(canonical)
    with transaction.atomic():
        owner = _find_or_make_project(project)
        _lock_name(owner.pk, spec.name)
        _check_actor(owner.pk, spec)
        latest = Workflow.objects.filter(project=owner, name=spec.name).order_by("-version").first()
        if latest is not None and latest.digest == digest:
            return Published(latest, is_new=False)
        workflow = Workflow.objects.create(
            project=owner,
            name=spec.name,
            version=latest.version + 1 if latest else 1,
            digest=digest,
            spec_json=canonical,
            sla=spec.sla,
            output=spec.output or "",
            actor=spec.actor or "",
            parks=spec.on_stuck == "park",
        )
        take_over_listening(owner.pk, spec.name, spec.actor, spec.listens)
    given_up = latest.actor if latest and latest.actor != workflow.actor else ""
    return Published(workflow, is_new=True, gave_up=given_up)


def _require_behaviours(*published: Published) -> None:
    """Let nobody be left with mail that no workflow reads any more, by what was published in this transaction.

    Raises: SpecInvalid: names one of them.
    """
    for each in published:
        forsaken = find_forsaken(each.workflow.project_id, each.gave_up) if each.gave_up else None
        if forsaken is None:
            continue
        address, count = forsaken
        others = f" and {count - 1:,} more" if count > 1 else ""
        message = (
            f"messages wait, or are due later, for '{address}'{others}, and without it nobody behaves as "
            f"'{each.gave_up}': let them be read, stop these actors (`manage.py stop_actor`), or publish at once "
            "with it who takes the name over"
        )
        raise SpecInvalid([Problem(None, "actor", message)])


def set_threshold(name: str, step: str, confidence: float, *, project: str = DEFAULT_PROJECT) -> Published:
    """Publish the latest version of a workflow again, with another least confidence of one step.

    Runs that were started keep their version.

    Args: step: its key in the spec.  confidence: 0 to 1.
    Raises: WorkflowNotFound. StepNotFound. SpecInvalid: the confidence does not fit, or the step has no agent's answer.
    """
    with transaction.atomic():
        owner = Project.objects.filter(slug=project).first()
        if owner is None:
            raise WorkflowNotFound(f"there is no project '{project}'")
        _lock_name(owner.pk, name)
        latest = Workflow.objects.filter(project=owner, name=name).order_by("-version").first()
        if latest is None:
            raise WorkflowNotFound(f"no workflow named '{name}' is published in project '{project}'")
        spec = load_spec(read_json(latest.spec_json))
        if step not in {one.key for one in spec.steps}:
            known = ", ".join(one.key for one in spec.steps)
            raise StepNotFound(f"workflow '{name}' has no step '{step}'; it has {known}")
        steps = tuple(
            replace(one, min_confidence=confidence) if one.key == step else one for one in spec.steps
        )
        return publish(replace(spec, steps=steps), project=project)


def _check_actor(project_id: int, spec: WorkflowSpec) -> None:
    """Let one workflow of a project be the behaviour of an actor's name.

    Raises: SpecInvalid: another one is.
    """
    if spec.actor is None:
        return
    _lock_name(project_id, f"actor:{spec.actor}")
    has_it = find_behaviour(project_id, spec.actor)
    # That of a bare agent was published for it by the engine, and gives way to one that somebody wrote.
    if has_it is None or has_it.name in {spec.name, name_bare_actor(spec.actor)}:
        return
    message = (
        f"'{spec.actor}' is the behaviour of workflow '{has_it.name}'; publish that one without it first, or at once "
        "with this one"
    )
    raise SpecInvalid([Problem(None, "actor", message)])


def _find_or_make_project(slug: str) -> Project:
    """Return the project, made if it is new.

    Raises: SpecInvalid: addresses and forms could not name it.
    """
    new = Project(slug=slug, name=slug.title())
    try:
        new.clean_fields()
    except ValidationError as error:
        message = "a slug has 1 to 100 letters (a to z, A to Z), digits, hyphens and underscores"
        raise SpecInvalid([Problem(None, "project", message)]) from error
    found, _ = Project.objects.get_or_create(slug=slug, defaults={"name": new.name})
    return found


def find_code_specs() -> list[WorkflowSpec]:
    """Return the module-level specs of every installed app's `workflows.py`, by name.

    An agent with a mailbox that none of them is the behaviour for has one of a single step.

    Raises: SpecInvalid: two of them have the same name.
    """
    found: dict[str, WorkflowSpec] = {}
    for config in apps.get_app_configs():
        module = sys.modules.get(f"{config.name}.workflows")
        for spec in vars(module).values() if module else ():
            if not isinstance(spec, WorkflowSpec):
                continue
            if found.setdefault(spec.name, spec) is not spec:
                raise SpecInvalid([Problem(None, "name", f"two workflows are named '{spec.name}'")])
    taken = {spec.actor for spec in found.values()}
    for contract in list_contracts():
        if contract.mailbox is not None and contract.name not in taken:
            bare = describe_bare_actor(contract.name, contract.mailbox)
            if found.setdefault(bare.name, bare) is not bare:
                raise SpecInvalid(
                    [Problem(None, "name", f"'{bare.name}' is the behaviour of agent '{contract.name}'")]
                )
    return [found[name] for name in sorted(found)]


def describe_bare_actor(agent: str, mailbox: int) -> WorkflowSpec:
    """Return the behaviour of actors that are an agent and no more: a turn is one step of it."""
    step = StepSpec("turn", agent=agent)
    return WorkflowSpec(name=name_bare_actor(agent), actor=agent, mailbox=mailbox, steps=(step,))


def name_bare_actor(agent: str) -> str:
    """Return the name of the workflow of actors that are an agent and no more."""
    return ("actor-" + agent.replace(".", "-").replace("_", "-"))[:100]


def publish_code_specs(project: str = DEFAULT_PROJECT) -> list[Published]:
    """Publish what the code defines to a project, topics first; all or nothing.

    One may take over the name of actors that another one gives up.

    Raises: SpecInvalid: naming workflow, step and field, or the topic.  SchemaBreaks.
    """
    with transaction.atomic():
        publish_code_topics(project)
        in_turn = sorted(find_code_specs(), key=lambda spec: spec.actor is not None)
        published = [_publish(spec, project) for spec in in_turn]
        _require_behaviours(*published)
    return sorted(published, key=lambda each: each.workflow.name)


def publish_code_topics(project: str = DEFAULT_PROJECT, *, force: bool = False) -> list[PublishedTopic]:
    """Define the topics of the code in a project; all or nothing.

    Args: force: although a new schema may break subscribers.
    Raises: SpecInvalid: naming topic and field.  SchemaBreaks: says what and whom.
    """
    with transaction.atomic():
        found = find_code_topics()
        # A project is made by what is published to it, and not by nothing.
        owner = _find_or_make_project(project) if found else None
        return [_define(owner, each, force=force) for each in found if owner is not None]


def _define(owner: Project, spec: TopicSpec, *, force: bool) -> PublishedTopic:
    try:
        return define(owner, spec.name, spec.schema, description=spec.description, force=force)
    except MessageInvalid as error:
        raise SpecInvalid([Problem(None, "topic", f"'{spec.name}': {error}")]) from error


def find_or_publish_behaviours(project_id: int, names: Collection[str]) -> set[str]:
    """Return those of the names that a project has behaviours for; that of a bare agent with a mailbox is published."""
    found = find_behaviours(project_id, names)
    for name in sorted(set(names) - found):
        contract = find_contract(name)
        if contract is not None and contract.mailbox is not None:
            slug = Project.objects.values_list("slug", flat=True).get(pk=project_id)
            publish(describe_bare_actor(name, contract.mailbox), project=slug)
            found.add(name)
    return found


def _lock_name(project_id: int, name: str) -> None:
    """Let one publisher at a time choose the next version of a name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (project_id, name))
