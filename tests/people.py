"""People of the console and the API, by what their memberships make them."""

from django.contrib.auth.models import Group, User

from escalation.models import QueueRole, ReviewQueue
from orchestration.models import Membership, Project


def make_member(name: str, role: str, project: str = "default") -> User:
    """Make staff whose group has a role in a project."""
    person = User.objects.create_user(name, password="secret-word", is_staff=True)
    group, _ = Group.objects.get_or_create(name=f"{role} of {project}")
    person.groups.add(group)
    Membership.objects.get_or_create(
        project=Project.objects.get(slug=project), group=group, defaults={"role": role}
    )
    return person


def give_role(person: User, queue: ReviewQueue, role: str) -> User:
    """Let somebody have a role at a review queue, through a group."""
    group, _ = Group.objects.get_or_create(name=f"{role} at {queue.slug}")
    person.groups.add(group)
    QueueRole.objects.get_or_create(queue=queue, group=group, role=role)
    return person
