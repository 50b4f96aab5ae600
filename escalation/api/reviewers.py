"""What reviewers can take on. Who manages a queue changes it for its people; everybody says when they are away."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError as ModelInvalid
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.api.queue_people import say_unknown
from escalation.domain.desk_rights import DeskRight
from escalation.errors import ReviewerNotFound
from escalation.models import ReviewerProfile
from escalation.people import change_profile, remove_profile
from escalation.selectors import find_queues
from escalation.selectors.colleagues import list_colleagues, list_managed, scope_reviewers
from orchestration.api.base import ApiView, Body
from orchestration.api.bodies import Text, WholeNumber
from orchestration.domain.rights import Right
from orchestration.errors import RightMissing


class AbsenceBody(Body):
    """When somebody is away, and who stands in; what is left out stays."""

    absent_from = serializers.DateTimeField(required=False, allow_null=True)
    absent_until = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Null: until further notice."
    )
    substitute = Text(
        max_length=150,
        required=False,
        allow_null=True,
        help_text="User name of a colleague who is assigned their tickets meanwhile; null: nobody.",
    )


class ReviewerBody(AbsenceBody):
    """What somebody can take on; what is left out stays."""

    capacity = WholeNumber(
        min_value=1,
        max_value=32_767,
        required=False,
        allow_null=True,
        help_text="How many tickets they may hold at once; null: any number.",
    )
    tags = serializers.ListField(
        child=Text(max_length=40),
        required=False,
        max_length=50,
        help_text="What they know their way about in.",
    )


class ReviewerRow(serializers.Serializer[Any]):
    """Somebody at the desk. Who has no profile is present, with room for any number of tickets and without tags."""

    person = serializers.CharField(read_only=True, help_text="User name.")
    is_absent = serializers.BooleanField(read_only=True, help_text="Now.")
    capacity = serializers.IntegerField(read_only=True, allow_null=True)
    tags = serializers.ListField(child=serializers.CharField(), read_only=True)
    absent_from = serializers.DateTimeField(read_only=True, allow_null=True)
    absent_until = serializers.DateTimeField(read_only=True, allow_null=True)
    substitute = serializers.CharField(read_only=True, allow_null=True)

    def to_representation(self, instance: User) -> dict[str, Any]:
        """Return the person with their profile."""
        profile = getattr(instance, "reviewer_profile", None) or ReviewerProfile(user=instance)
        read_at: datetime = instance.read_at  # type: ignore[attr-defined]  # annotated by the selector
        names = ("capacity", "tags", "absent_from", "absent_until")
        return super().to_representation(
            {
                "person": instance.get_username(),
                "is_absent": profile.is_absent(read_at),
                **{name: getattr(profile, name) for name in names},
                "substitute": profile.substitute and profile.substitute.get_username(),
            }
        )


class _OfPerson(ApiView):
    def change(self, person: User, body: type[Body]) -> Response:
        """Change the profile of somebody whom the caller may.

        Raises: ValidationError: names the field.
        """
        changed = self.read_body(body)
        if (name := changed.get("substitute")) is not None:
            colleague = list_colleagues(self.caller).filter(username=name).first()
            if colleague is None:
                raise serializers.ValidationError({"substitute": say_unknown("colleague", name)})
            changed["substitute"] = colleague
        try:
            change_profile(self.person, person, changed)
        except ModelInvalid as error:
            raise serializers.ValidationError(error.message_dict) from error
        return self.show(person.pk)

    def show(self, person_id: int) -> Response:
        """Return somebody with their profile."""
        return Response(ReviewerRow(scope_reviewers(self.caller).get(pk=person_id)).data)


class ReviewerList(ApiView):
    """People at the desk."""

    queryset = User.objects.none()
    order: ClassVar[tuple[str, ...]] = ("username", "pk")

    @extend_schema(operation_id="list_reviewers", responses=ReviewerRow(many=True))
    def get(self, _request: Request) -> Response:
        """List the people who decide at queues that you manage, and yourself, with what each can take on."""
        return self.show_page(scope_reviewers(self.caller), ReviewerRow)


class ReviewerView(_OfPerson):
    """One of them."""

    rights: ClassVar[dict[str, Right]] = {"PATCH": Right.MANAGE, "DELETE": Right.MANAGE}

    @extend_schema(operation_id="get_reviewer", responses=ReviewerRow)
    def get(self, _request: Request, username: str) -> Response:
        """Show what somebody at a queue that you manage can take on; or you yourself."""
        return self.show(self._find(username).pk)

    @extend_schema(operation_id="change_reviewer", request=ReviewerBody, responses=ReviewerRow)
    def patch(self, _request: Request, username: str) -> Response:
        """Change how much somebody may hold, what they know and when they are away; for managers of their queues."""
        return self.change(self._find_managed(username), ReviewerBody)

    @extend_schema(operation_id="remove_reviewer", request=None, responses={204: None})
    def delete(self, _request: Request, username: str) -> Response:
        """Take somebody's profile away: they are present, with room for any number of tickets and without tags."""
        remove_profile(self.person, self._find_managed(username))
        return Response(status=204)

    def _find(self, username: str) -> User:
        person = scope_reviewers(self.caller).filter(username=username).first()
        if person is None:
            raise ReviewerNotFound(username)
        return person

    def _find_managed(self, username: str) -> User:
        person = self._find(username)
        if not list_managed(self.caller).filter(pk=person.pk).exists():
            raise RightMissing(
                "how much you may hold and what you know, whoever manages a queue of yours says; when you are away, "
                "say at /me/profile"
            )
        return person


class OwnProfile(_OfPerson):
    """Oneself."""

    rights: ClassVar[dict[str, Right]] = {"PATCH": Right.REVIEW}

    @extend_schema(operation_id="get_own_profile", responses=ReviewerRow)
    def get(self, _request: Request) -> Response:
        """Show what you can take on, as whoever manages your queues sees it."""
        return self.show(self.person.pk)

    @extend_schema(operation_id="change_own_profile", request=AbsenceBody, responses=ReviewerRow)
    def patch(self, _request: Request) -> Response:
        """Say when you are away, and who stands in; for those who decide at a queue or manage one."""
        works = (DeskRight.DECIDE, DeskRight.MANAGE)
        if not any(find_queues(self.caller, right).exists() for right in works):
            raise RightMissing("only people who decide at a review queue, or manage one, have a profile")
        return self.change(self.person, AbsenceBody)
