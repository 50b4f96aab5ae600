"""Who may enter a project: groups with a role, and API tokens."""

import uuid

from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from knox.models import AbstractAuthToken

from orchestration.domain.rights import Role, Scope
from orchestration.models.workflow import Project


class Membership(models.Model):
    """What the members of a Django group may do in a project. Superusers need none."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="project_memberships")
    role = models.CharField(max_length=10, choices=[(r.value, r.value) for r in Role])

    class Meta:
        ordering = ("project", "group")
        constraints = (
            models.UniqueConstraint(fields=("project", "group"), name="membership_once"),
            models.CheckConstraint(
                condition=Q(role__in=[r.value for r in Role]), name="membership_role_known"
            ),
        )

    def __str__(self) -> str:
        """Return who is what where."""
        return f"{self.group} is {self.role} of {self.project}"


class ApiToken(AbstractAuthToken):
    """A key to the API: kept as a hash, ends by itself, and can do no more than its scopes and its owner."""

    # What the API calls it: the primary key is the digest, which is of no use to anybody and 128 digits long.
    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, help_text="What it is for.")
    scopes = ArrayField(models.CharField(max_length=10, choices=[(s.value, s.value) for s in Scope]))
    project = models.ForeignKey(
        Project,
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="The only project it opens; empty: all of its owner's.",
    )

    class Meta:
        ordering = ("created",)
        constraints = (
            models.CheckConstraint(
                condition=Q(scopes__contained_by=[s.value for s in Scope], scopes__len__gt=0),
                name="token_scopes_known",
            ),
            models.CheckConstraint(condition=Q(expiry__isnull=False), name="token_expires"),
        )

    def __str__(self) -> str:
        """Return what it is for, and nothing of the key."""
        return self.name
