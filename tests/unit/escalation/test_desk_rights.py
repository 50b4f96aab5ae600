"""The table of rights at a review queue."""

import pytest

from escalation.domain.desk_rights import (
    DESK_RIGHTS_OF,
    DESK_SCOPE_OF,
    IMPLIED,
    PROJECT_RIGHT_OF,
    DeskRight,
    DeskRole,
    desk_rights_of,
    desk_roles_with,
    implied_rights,
    project_roles_with,
)
from orchestration.domain.rights import Role, roles_with


def test_the_table_in_full() -> None:
    said = {role.value: " ".join(sorted(rights)) for role, rights in DESK_RIGHTS_OF.items()}
    assert said == {
        "viewer": "look",
        "reviewer": "decide look",
        "lead": "decide lead look",
        "queue_admin": "look manage",
        "auditor": "look read_audit",
    }


def test_what_roles_of_a_project_imply() -> None:
    said = {role.value: " ".join(sorted(implied_rights([role]))) for role in Role}
    assert said == {
        "viewer": "look",
        "operator": "look",
        "reviewer": "decide look",
        "admin": "decide lead look manage read_audit",
    }


def test_nothing_is_left_out_of_the_tables() -> None:
    assert (set(DESK_RIGHTS_OF), set(IMPLIED), set(DESK_SCOPE_OF)) == (
        set(DeskRole),
        set(Role),
        set(DeskRight),
    )
    assert all(DeskRight.LOOK in rights for rights in DESK_RIGHTS_OF.values())


@pytest.mark.parametrize("right", DeskRight)
def test_the_right_in_a_project_that_implies_another_is_of_the_same_roles(right: DeskRight) -> None:
    assert set(project_roles_with(right)) == set(roles_with(PROJECT_RIGHT_OF[right]))


@pytest.mark.parametrize("right", DeskRight)
def test_the_roles_with_a_right_are_those_that_give_it(right: DeskRight) -> None:
    assert set(desk_roles_with(right)) == {role for role in DeskRole if right in desk_rights_of([role], None)}
    assert set(project_roles_with(right)) == {role for role in Role if right in implied_rights([role])}


@pytest.mark.parametrize(
    ("scopes", "left"),
    [
        (None, "decide lead look manage read_audit"),
        ([], ""),
        (["read"], "look read_audit"),
        (["review"], "decide lead"),
        (["admin"], "manage"),
        (["run"], ""),
    ],
)
def test_a_token_narrows(scopes: list[str] | None, left: str) -> None:
    assert " ".join(sorted(desk_rights_of(DeskRole, scopes))) == left
