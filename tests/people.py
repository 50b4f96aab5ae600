"""People of the console and the API, by what their memberships make them."""

from django.contrib.auth.models import Group, User

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
