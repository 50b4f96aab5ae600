"""What the views share: who calls, what may be sent, and lists in pages."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.access import caller_of
from orchestration.api.problems import ParameterInvalid
from orchestration.domain.rights import Right
from orchestration.selectors.scope import Caller


class Body(serializers.Serializer[Any]):
    """What may be sent. A field that is none is refused, so that nobody believes it was obeyed."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked values.

        Raises: ValidationError: names every unknown field.
        """
        if isinstance(data, Mapping):
            unknown = {str(name): ["there is no such field"] for name in data if name not in self.fields}
            if unknown:
                raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


class ApiView(GenericAPIView[Any]):
    """A view of the API.

    Attributes: rights: what a method takes; to look, unless it says otherwise.
        order: the columns of a list that tell its place exactly, the last one unique; see `paging.py`.
    """

    rights: ClassVar[dict[str, Right]] = {}
    order: ClassVar[tuple[str, ...]] = ("pk",)

    @property
    def caller(self) -> Caller:
        """Return who calls."""
        return caller_of(self.request)

    @property
    def person(self) -> Any:
        """Return the account that calls, or that owns the token."""
        return self.request.user

    def read_body(self, body: type[Body]) -> dict[str, Any]:
        """Return what was sent, checked.

        Raises: ValidationError: names each field at fault.
        """
        read = body(data=cast("Request", self.request).data)
        read.is_valid(raise_exception=True)
        return cast("dict[str, Any]", read.validated_data)

    def read_parameter(self, name: str, default: str) -> str:
        """Return a parameter of the query."""
        return cast("Request", self.request).query_params.get(name, default)

    def show_page(
        self, rows: QuerySet[Any], row: type[serializers.BaseSerializer[Any]], *parameters: str
    ) -> Response:
        """Return one page of a list, filtered as the query asks.

        Args: parameters: what else the query may hold.
        Raises: ParameterInvalid: it holds something else.
        """
        self._refuse_unknown_parameters(parameters)
        page = self.paginate_queryset(self.filter_queryset(rows))
        return self.get_paginated_response(row(page, many=True, context=self.get_serializer_context()).data)

    def _refuse_unknown_parameters(self, others: tuple[str, ...]) -> None:
        filters = getattr(self, "filterset_class", None)
        known = {"cursor", "page_size", *others, *(filters.base_filters if filters else ())}
        unknown = sorted(set(cast("Request", self.request).query_params) - known)
        if unknown:
            raise ParameterInvalid(
                f"there is no parameter '{unknown[0][:80]}'; known are {', '.join(sorted(known))}"
            )
