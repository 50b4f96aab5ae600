"""How memories are forgotten: values, texts and vectors go, in all versions; digests, writers and times stay.

What receipts and calls commit to is the digest, so that proofs hold. The row that tells of a forgetting has no text
that was looked for: it would be the name that is to be forgotten.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet

from agents.domain.memories import MOST_KEY, normalise
from agents.domain.notebook import MemoryScope
from orchestration.database.statements import fetch_all
from orchestration.domain.receipts import canonical
from orchestration.errors import MemoryInvalid, MemoryNotFound
from orchestration.memory.lines import MemoryLine, name_key
from orchestration.memory.rows import Forgetting, Memory
from orchestration.memory.searching import list_forms, narrow_to_subject, narrow_to_text
from orchestration.memory.vectors import are_enabled

_MOST_REASON: Final = 1_000
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_MOST_TEXT: Final = 300
_LEAST_TEXT: Final = 3
_DROP_VECTORS: Final = """
DELETE FROM orchestration_memoryvector WHERE memory_id = ANY(%(ids)s::bigint[]) RETURNING memory_id
"""


@dataclass(frozen=True, slots=True)
class _Table:
    """Where something is noted. `find`: locks a project's rows.  `change`: leaves of one what is left."""

    find: str
    change: str


# By the name under which a row has its lines.
_NOTED: Final = {
    "lines": _Table(
        """SELECT id, lines_json AS said_json FROM orchestration_memorydraft WHERE project_id = %(project)s
        ORDER BY id FOR UPDATE""",
        "UPDATE orchestration_memorydraft SET lines_json = %(left)s WHERE id = %(id)s RETURNING id",
    ),
    "memory": _Table(
        """SELECT p.id, p.effects_json AS said_json FROM orchestration_pendingeffects p
        JOIN orchestration_run r ON r.id = p.run_id
        WHERE r.project_id = %(project)s AND p.remembers ORDER BY p.id FOR UPDATE OF p""",
        """UPDATE orchestration_pendingeffects SET effects_json = %(left)s, forgotten_id = %(told)s
        WHERE id = %(id)s RETURNING id""",
    ),
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which memories of a project are meant. None: whichever.

    Attributes: text: of all that hold it in key, value or search text.  about: of all about somebody.
    """

    project_id: int
    scope: MemoryScope | None = None
    scope_id: str | None = None
    key: str | None = None
    prefix: str | None = None
    text: str | None = None
    about: str | None = None

    def check(self) -> None:
        """Refuse what would forget more than anybody means.

        Raises: MemoryInvalid: names the field.
        """
        if self.key is self.prefix is self.text is self.about is None:
            raise MemoryInvalid(
                "about: say what is to be forgotten: all about somebody, a key, a prefix of keys, or what holds a text"
            )
        for name in ("key", "prefix", "text", "about"):
            text = getattr(self, name)
            least, most = (_LEAST_TEXT, _MOST_TEXT) if name == "text" else (1, MOST_KEY)
            if text is not None and not (
                isinstance(text, str)
                and least <= len(text.strip())
                and len(text) <= most
                and text.isprintable()
            ):
                raise MemoryInvalid(f"{name}: give {least} to {most} printable characters")

    @property
    def rows(self) -> QuerySet[Memory]:
        """Return the versions that are meant and not forgotten yet."""
        rows = Memory.objects.filter(project=self.project_id, value_json__isnull=False)
        exact = {
            "scope": self.scope,
            "scope_id": self.scope_id,
            "key": self.key,
            "key__startswith": self.prefix,
        }
        rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
        rows = rows if self.text is None else narrow_to_text(rows, self.text)
        return rows if self.about is None else narrow_to_subject(rows, self.about)

    @property
    def json(self) -> str:
        """Return what is kept of it: neither the text that was looked for, nor who it was about."""
        said = {
            "scope": self.scope,
            "id": self.scope_id,
            "key": self.key,
            "prefix": self.prefix,
            "text": None if self.text is None else f"of {len(self.text)} characters",
            "about": None if self.about is None else f"somebody named in {len(self.about)} characters",
        }
        return canonical({name: str(value) for name, value in said.items() if value is not None})

    def fits(self, line: MemoryLine) -> bool:
        """Return whether something is meant that is noted and not remembered yet."""
        texts = [form.lower() for form in list_forms(self.text)] if self.text else [""]
        key, about = line["key"], None if self.about is None else normalise(self.about)
        return (
            self.scope in {None, line["scope"]}
            and self.scope_id in {None, line["scope_id"]}
            and self.key in {None, key}
            and key.startswith(self.prefix or "")
            and any(text in line[name].lower() for text in texts for name in ("key", "value", "search"))
            and (about in {None, key, *(line.get("about") or ())} or key.startswith(f"{about}/"))
        )


def forget_all(
    selection: Selection, reason: str, by: AbstractBaseUser | None, person_name: str
) -> Forgetting:
    """Forget the memories that are meant, and what is noted and not accepted yet; tell it by a row.

    Raises: MemoryInvalid. MemoryNotFound: nothing fits.
    """
    selection.check()
    if not check_reason(reason).strip():
        raise MemoryInvalid(f"reason: say why, in 1 to {_MOST_REASON:,} characters")
    with transaction.atomic():
        # In the order of whoever accepts an answer: what waits with it, what is remembered, what calls noted.
        noted = _find_noted(selection, "memory")
        _lock(selection)
        noted += _find_noted(selection, "lines")
        # Once more: what a call had noted may have been accepted meanwhile.
        ids = _lock(selection)
        if not ids and not noted:
            raise MemoryNotFound("nothing that is remembered fits; look for it in the list of memories")
        told = Forgetting.objects.create(
            project_id=selection.project_id,
            which=selection.json,
            reason=reason,
            person_id=None if by is None else by.pk,
            person_name=person_name,
            versions=len(ids),
        )
        Memory.objects.filter(pk__in=ids).update(
            value_json=None, search="", about=[], reason="", forgotten=told
        )
        if are_enabled():
            fetch_all(_DROP_VECTORS, {"ids": ids})
        for row in noted:
            row.forget(told.pk)
    return told


def check_reason(reason: object) -> str:
    """Return why a person did something, as it can be kept.

    Raises: MemoryInvalid: it can't.
    """
    if not isinstance(reason, str) or len(reason) > _MOST_REASON or _UNSTORABLE.search(reason):
        raise MemoryInvalid(f"reason: say why, in at most {_MOST_REASON:,} characters that can be stored")
    return reason


def _lock(selection: Selection) -> list[int]:
    """Lock what is meant, in the order of keys as whoever writes does, and return the ids.

    A version that somebody wrote while the one before it was waited for is seen by the next look only.
    """
    locked = selection.rows.select_for_update(of=("self",)).order_by("scope", "scope_id", "key", "version")
    found: list[int] = []
    while (ids := list(locked.values_list("pk", flat=True))) != found:
        found = ids
    return found


@dataclass(frozen=True, slots=True)
class _Noted:
    """A row of what is noted and not accepted, with what of it is left."""

    statement: str
    id: int
    said: Mapping[str, Any]

    def forget(self, forgetting_id: int) -> None:
        left = orjson.dumps(self.said).decode()
        fetch_all(self.statement, {"id": self.id, "left": left, "told": forgetting_id})


def _find_noted(selection: Selection, name: str) -> list[_Noted]:
    """Return the rows of one table in which something is noted that is meant, locked.

    Args: name: "lines": within calls; "memory": with answers that wait.
    """
    found, table = [], _NOTED[name]
    for row in fetch_all(table.find, {"project": selection.project_id}):
        said = orjson.loads(row.said_json)
        kept = [line for line in said[name] if not selection.fits(line)]
        if len(kept) < len(said[name]):
            keys = {name_key(line) for line in kept}
            embedded = [line for line in said.get("embedded", ()) if name_key(line) in keys]
            found.append(_Noted(table.change, row.id, {**said, name: kept, "embedded": embedded}))
    return found
