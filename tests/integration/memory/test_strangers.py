"""What strangers and careless people try: names that are nobody's, times without a zone, texts that steer a screen."""

from collections.abc import Callable
from datetime import datetime
from io import StringIO
from typing import Any, cast
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from orchestration import memory
from orchestration.errors import MemoryInvalid, MemoryNotFound, ProjectNotFound
from orchestration.memory.searching import narrow_to_subject
from orchestration.models import Forgetting, Memory

pytestmark = pytest.mark.django_db


def _left() -> list[str]:
    return sorted(Memory.objects.exclude(value_json=None).values_list("key", flat=True))


def test_a_name_that_is_too_long_is_not_cut_down_to_somebody_s() -> None:
    name = "y" * 200
    memory.remember("project", "k", 1, about=name)
    with pytest.raises(MemoryInvalid, match=r"^about: give 1 to 200"):
        memory.forget_about(f"{name}z", reason="a test")
    # Of one character in its one form several come.
    with pytest.raises(MemoryNotFound):
        memory.forget_about("\ufb2c" * 100, reason="a test")
    assert not narrow_to_subject(Memory.objects.all(), f"{name}z").exists()
    assert [row.key for row in narrow_to_subject(Memory.objects.all(), name)] == ["k"]
    assert _left() == ["k"]


@pytest.mark.parametrize(
    ("about", "left"),
    [
        ("a_b", ["100%/x", "100x/x", "a/../b", "axb/c", "ben", "ben/1", "benno"]),
        ("100%", ["100x/x", "a/../b", "a_b/c", "axb/c", "ben", "ben/1", "benno"]),
        ("a/..", ["100%/x", "100x/x", "a_b/c", "axb/c", "ben", "ben/1", "benno"]),
        ("ben", ["100%/x", "100x/x", "a/../b", "a_b/c", "axb/c", "benno"]),
    ],
)
def test_a_name_means_itself_and_what_is_below_it(about: str, left: list[str]) -> None:
    for key in ("a_b/c", "axb/c", "100%/x", "100x/x", "a/../b", "ben", "ben/1", "benno"):
        memory.remember("project", key, 1)
    memory.forget_about(about, reason="a test")
    assert _left() == left


_UNSAYABLE = ("\x00", "\ud800", "a\nb", 7, ["k"])


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        *(
            (field, wrong)
            for field in ("id", "project", "key", "prefix", "text", "about")
            for wrong in _UNSAYABLE
        ),
        *(("reason", wrong) for wrong in ("\x00", "\ud800", 7, ["k"], None)),
    ],
)
def test_what_can_t_be_looked_for_is_named_where_it_is_forgotten(field: str, wrong: Any) -> None:
    memory.remember("project", "k", 1)
    with pytest.raises(MemoryInvalid, match=f"^{field}: "):
        memory.forget(**{"key": "k", "reason": "a test", field: wrong})
    assert not Forgetting.objects.exists()


@pytest.mark.parametrize("wrong", _UNSAYABLE)
@pytest.mark.parametrize("field", ["id", "project"])
@pytest.mark.parametrize("look", [memory.find, memory.history, memory.recall])
def test_what_can_t_be_looked_for_is_named_where_it_is_read(
    look: Callable[..., Any], field: str, wrong: Any
) -> None:
    with pytest.raises(MemoryInvalid, match=f"^{field}: "):
        look("agent", "k", **{field: wrong})


def test_a_time_without_a_zone_is_none() -> None:
    memory.remember("project", "k", 1)
    with pytest.raises(MemoryInvalid, match=r"^at: give a time with its zone"):
        memory.find("project", "k", at=datetime(2026, 11, 30))  # noqa: DTZ001 - what is refused


def test_a_text_is_no_time() -> None:
    with pytest.raises(MemoryInvalid, match=r"^at: give a time with its zone.*not 'yesterday'"):
        memory.find("project", "k", at=cast("Any", "yesterday"))


@pytest.mark.parametrize("look", [memory.find, memory.history, memory.recall])
def test_whose_memories_are_looked_for_must_be_said(look: Callable[..., Any]) -> None:
    for scope in ("agent", "run", "actor"):
        with pytest.raises(MemoryInvalid, match=rf"^id: name the {scope} whose memory it is"):
            look(scope, "k")
    with pytest.raises(MemoryInvalid, match=r"^id: the scope project has none; leave it out"):
        look("project", "k", id="customer")
    with pytest.raises(ProjectNotFound, match="'nowhere'"):
        look("project", "k", project="nowhere")


def test_an_actor_is_named_by_its_address_wherever_its_memories_are() -> None:
    acts: list[Callable[[], object]] = [
        lambda: memory.find("actor", "k", id="desk"),
        lambda: memory.recall("actor", "k", id="desk"),
        lambda: memory.remember("actor", "k", 1, id="desk"),
    ]
    for act in acts:
        with pytest.raises(MemoryInvalid, match=r"^id: 'desk' is no address; write 'name/key'"):
            act()
    assert not Memory.objects.exists()


def test_a_run_may_be_named_by_its_id_itself() -> None:
    assert memory.find("run", "k", id=cast("Any", UUID(int=7))) is None


def test_what_expires_now_has_expired() -> None:
    row = memory.remember("project", "k", 1, expires_in_seconds=3600)
    assert row.expires_at is not None
    assert memory.find("project", "k", at=row.valid_from) == row
    assert memory.find("project", "k", at=row.expires_at) is None


def test_no_value_steers_a_terminal() -> None:
    memory.remember("project", "k", "\x9b31m\u202ered")
    out = StringIO()
    call_command("show_memory", stdout=out)
    assert all(line.isprintable() for line in out.getvalue().splitlines())
    assert "\\x9b31m\\u202ered" in out.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            ("show_memory", f"--{name}=a\udcff")
            for name in ("project", "id", "key", "prefix", "text", "about")
        ),
        *(
            ("forget_memory", "--reason=r", "--key=k", f"--{name}=\udcff")
            for name in ("project", "id", "as", "text")
        ),
        *(
            ("write_memory", "k", "1", "--scope=agent", "--id=a", f"--{name}=\udcff")
            for name in ("project", "as", "about")
        ),
    ],
)
def test_what_a_terminal_writes_in_another_encoding_is_named(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=arguments[-1].partition("=")[0]):
        call_command(*arguments, stdout=StringIO())
    assert not Memory.objects.exists()
