"""What roles and scopes allow; and one table of error codes for every web interface."""

import ast
from pathlib import Path

import pytest

from orchestration.api.limits import MAX_BODY_BYTES
from orchestration.domain.http_status import STATUS_OF
from orchestration.domain.rights import RIGHTS_OF, SCOPE_OF, Right, Role, Scope, rights_of, roles_with

_ROOT = Path(__file__).resolve().parents[3]


def test_every_role_may_look_and_only_an_admin_may_do_all() -> None:
    assert all(Right.VIEW in rights for rights in RIGHTS_OF.values())
    assert [role for role, rights in RIGHTS_OF.items() if rights == frozenset(Right)] == [Role.ADMIN]


def test_who_runs_does_not_decide_and_who_decides_does_not_run() -> None:
    assert Right.REVIEW not in RIGHTS_OF[Role.OPERATOR]
    assert Right.RUN not in RIGHTS_OF[Role.REVIEWER]


def test_several_roles_add_up() -> None:
    both = rights_of((Role.OPERATOR, Role.REVIEWER), None)
    assert both == {Right.VIEW, Right.RUN, Right.REVIEW}


def test_without_a_role_nothing_is_allowed() -> None:
    assert rights_of((), None) == frozenset()
    assert rights_of((), tuple(Scope)) == frozenset()


@pytest.mark.parametrize("scope", Scope)
def test_a_scope_never_gives_what_the_role_does_not(scope: Scope) -> None:
    for role in Role:
        assert rights_of((role,), (scope,)) <= RIGHTS_OF[role]
        assert all(SCOPE_OF[right] == scope for right in rights_of((role,), (scope,)))


def test_every_right_has_a_scope_and_a_role() -> None:
    assert set(SCOPE_OF) == set(Right)
    assert all(roles_with(right) for right in Right)


def _codes(app: str) -> set[str]:
    """Return the codes of an app's error classes, as the source has them."""
    files = [*(_ROOT / app).glob("errors.py"), *(_ROOT / app / "errors").glob("*.py")]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    assigned = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    return {
        node.value.value
        for node in assigned
        if getattr(node.targets[0], "id", "") == "code"
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


@pytest.mark.parametrize("app", ["agents", "orchestration", "escalation"])
def test_every_error_s_code_has_a_status(app: str) -> None:
    codes = _codes(app)
    assert len(codes) > 5
    assert codes - set(STATUS_OF) == set(), "add the codes to orchestration/domain/http_status.py"


def test_statuses_are_refusals() -> None:
    assert all(400 <= status < 600 for status in STATUS_OF.values())
    assert MAX_BODY_BYTES == 1024 * 1024
