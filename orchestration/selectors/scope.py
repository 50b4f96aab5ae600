"""Who is asking, and what of the rows that belong to projects they may see. The console and the API ask here.

A project that a caller is no member of does not exist for them: its rows are not found, not forbidden. Commands
and the engine act as the system and do not ask.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from django.contrib.auth.models import AbstractUser, AnonymousUser, Group
from django.db.models import Model, Q, QuerySet

from orchestration.domain.rights import SCOPE_OF, Right, Role, rights_of, roles_with
from orchestration.errors import (
    CallNotFound,
    ProjectNotFound,
    RightMissing,
    RunNotFound,
    ScopeMissing,
    StepNotFound,
)
from orchestration.models import ApiToken, Call, Membership, Project, Run, Step, Workflow

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks, directly or through a token.

    Attributes: scopes: None without a token.  project_id: the only project their token opens.
    """

    user_id: int | None
    is_superuser: bool
    scopes: frozenset[str] | None = None
    project_id: int | None = None

    @property
    def sees_all(self) -> bool:
        """Return whether no project is closed to them."""
        return self.is_superuser and self.project_id is None


def call_as(user: AbstractUser | AnonymousUser, token: ApiToken | None = None) -> Caller:
    """Return the caller of a request. Who is switched off or not signed in is a member of nothing."""
    if not user.is_active:
        return Caller(None, is_superuser=False)
    if token is None:
        return Caller(user.pk, user.is_superuser)
    return Caller(user.pk, user.is_superuser, frozenset(token.scopes), token.project_id)


def find_projects(caller: Caller, right: Right = Right.VIEW) -> QuerySet[Project]:
    """Return the projects in which the caller's roles give a right; every role gives the right to look."""
    return find_projects_by_role(caller, roles_with(right))


def find_projects_by_role(caller: Caller, roles: Collection[Role]) -> QuerySet[Project]:
    """Return the projects in which the caller has one of these roles; superusers have all in each."""
    projects = Project.objects.order_by("slug")
    if caller.project_id is not None:
        projects = projects.filter(pk=caller.project_id)
    if caller.is_superuser:
        return projects
    member = Membership.objects.filter(group__user=caller.user_id, role__in=roles)
    return projects.filter(pk__in=member.order_by().values("project"))


def scope_rows(
    caller: Caller, rows: QuerySet[Row], project: str = "project", right: Right = Right.VIEW
) -> QuerySet[Row]:
    """Return those rows whose project the caller is a member of.

    Args: project: the way from a row to its project.  right: what their role must allow.
    """
    if caller.sees_all:
        return rows
    return rows.filter(**{f"{project}__in": find_projects(caller, right).order_by().values("pk")})


def scope_runs(caller: Caller) -> QuerySet[Run]:
    """Return the runs that a caller may see."""
    return scope_rows(caller, Run.objects.all())


def scope_workflows(caller: Caller) -> QuerySet[Workflow]:
    """Return the workflow versions that a caller may see."""
    return scope_rows(caller, Workflow.objects.all())


def scope_steps(caller: Caller) -> QuerySet[Step]:
    """Return the steps that a caller may see."""
    return scope_rows(caller, Step.objects.all(), "run__project")


def find_run(caller: Caller, run_id: UUID, right: Right = Right.VIEW) -> Run:
    """Return a run that the caller may see and do this with.

    Raises: RunNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    run = scope_runs(caller).select_related("project", "workflow", "requested_by").filter(pk=run_id).first()
    if run is None:
        raise RunNotFound(f"no run {run_id}; the list of runs shows those you may see")
    require(caller, run.project, right)
    return run


def find_step(caller: Caller, step_id: int, right: Right = Right.VIEW) -> Step:
    """Return a step that the caller may see and do this with, with its run.

    Raises: StepNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    step = scope_steps(caller).select_related("run__project").filter(pk=step_id).first()
    if step is None:
        raise StepNotFound(f"no step {step_id}; the steps of a run show their ids")
    require(caller, step.run.project, right)
    return step


def find_call(caller: Caller, call_id: int) -> Call:
    """Return a call of a step that the caller may see, with what was asked and answered.

    Raises: CallNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    calls = Call.objects.select_related("step", "run__project").prefetch_related("tries")
    call = scope_rows(caller, calls, "run__project").filter(pk=call_id).first()
    if call is None:
        raise CallNotFound(f"no call {call_id}; the calls of a run show their ids")
    require(caller, call.run.project, Right.VIEW)
    return call


def find_project(caller: Caller, slug: str, right: Right = Right.VIEW) -> Project:
    """Return a project that the caller is a member of and may do this in.

    Raises: ProjectNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    project = find_projects(caller).filter(slug=slug).first()
    if project is None:
        raise ProjectNotFound(f"no project '{slug}'; the list of projects shows those you are a member of")
    require(caller, project, right)
    return project


def find_known_groups(caller: Caller) -> QuerySet[Group]:
    """Return the groups that a caller may give a role: their own, and the members of what they are admins of."""
    groups = Group.objects.order_by("name")
    if caller.is_superuser:
        return groups
    ours = find_projects(caller, Right.MANAGE).order_by().values("pk")
    return groups.filter(Q(project_memberships__project__in=ours) | Q(user=caller.user_id)).distinct()


def list_rights_by_project(caller: Caller) -> dict[int, frozenset[Right]]:
    """Return what a caller may do in each project that they see, by the project's id."""
    roles: dict[int, list[str]] = {pk: [] for pk in find_projects(caller).values_list("pk", flat=True)}
    if caller.is_superuser:
        return {pk: rights_of((Role.ADMIN,), caller.scopes) for pk in roles}
    member = Membership.objects.filter(group__user=caller.user_id, project__in=roles).order_by()
    for pk, role in member.values_list("project", "role"):
        roles[pk].append(role)
    return {pk: rights_of(held, caller.scopes) for pk, held in roles.items()}


def list_rights(caller: Caller, project: Project) -> frozenset[Right]:
    """Return what a caller may do in a project."""
    return list_rights_by_project(caller).get(project.pk, frozenset())


def is_member(caller: Caller) -> bool:
    """Return whether any project is open to a caller."""
    return find_projects(caller).exists()


def may(caller: Caller, project: Project, right: Right) -> bool:
    """Return whether a caller may do this in a project."""
    return right in list_rights(caller, project)


def require(caller: Caller, project: Project, right: Right) -> None:
    """Refuse what a caller may not do in a project that they see.

    Raises: ScopeMissing: their token is not for this.  RightMissing: their roles do not allow it.
    """
    require_scope(caller, right)
    if not may(caller, project, right):
        raise RightMissing(
            f"in the project '{project.slug}' you may not {right}; "
            f"that takes the role {' or '.join(roles_with(right))}"
        )


def require_scope(caller: Caller, right: Right) -> None:
    """Refuse what a caller's token is not for.

    Raises: ScopeMissing.
    """
    needed = SCOPE_OF[right]
    if caller.scopes is not None and needed not in caller.scopes:
        raise ScopeMissing(f"this token lacks the scope '{needed}'; make one that has it")
