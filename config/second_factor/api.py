"""The second factors that somebody may take away, for programs: who has one, and taking it away."""

from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from config.second_factor.people import list_resettable, reset_second_factor
from config.second_factor.policy import OFF_WORDS, is_on
from orchestration.api.base import ApiView
from orchestration.domain.rights import Right


class SecondFactorRow(serializers.Serializer[Any]):
    """Somebody who has set a second factor up."""

    person = serializers.CharField(source="username", read_only=True, help_text="User name.")


class SecondFactorList(ApiView):
    """People with a second factor."""

    queryset = User.objects.none()
    order: ClassVar[tuple[str, ...]] = ("username", "pk")

    @extend_schema(operation_id="list_second_factors", responses=SecondFactorRow(many=True))
    def get(self, _request: Request) -> Response:
        """List the people whose second factor you may reset: superusers all others', leads that of whom they lead."""
        return self.show_page(_find(self), SecondFactorRow)


class SecondFactorReset(ApiView):
    """Taking one away."""

    rights: ClassVar[dict[str, Right]] = {"DELETE": Right.MANAGE}

    @extend_schema(operation_id="reset_second_factor", request=None, responses={204: None})
    def delete(self, _request: Request, username: str) -> Response:
        """Take away somebody's app and recovery codes; they are signed out everywhere and set up new ones."""
        person = _find(self).filter(username=username).first()
        if person is None:
            raise NotFound(
                f"there is nobody '{username[:150]}' whose second factor you may reset; the list of second factors "
                "shows whose you may"
            )
        reset_second_factor(person, self.person)
        return Response(status=204)


def _find(view: ApiView) -> QuerySet[User]:
    """Return whose second factor the caller may take away.

    Raises: NotFound: nobody is asked for one here.
    """
    if not is_on():
        raise NotFound(OFF_WORDS)
    return list_resettable(view.caller)
