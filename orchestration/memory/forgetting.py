"""How memories are forgotten: values, texts and vectors go, in all versions; digests, writers and times stay.

What receipts and calls commit to is the digest, so that proofs hold. The row that tells of a forgetting has no text
that was looked for: it would be the name that is to be forgotten.
"""

from dataclasses import dataclass
from typing import Final

import orjson
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet

from agents.domain.notebook import MemoryScope
from orchestration.database.statements import fetch_all
from orchestration.domain.receipts import canonical
from orchestration.errors import MemoryInvalid, MemoryNotFound
from orchestration.memory.lines import MemoryLine
from orchestration.memory.rows import Forgetting, Memory, MemoryDraft
from orchestration.memory.vectors import are_enabled

_MOST_REASON: Final = 1_000
_MOST_TEXT: Final = 300
_LEAST_ABOUT: Final = 3
_DROP_VECTORS: Final = """
DELETE FROM orchestration_memoryvector WHERE memory_id = ANY(%(ids)s::bigint[]) RETURNING memory_id
"""


def narrow_to_text(rows: QuerySet[Memory], text: str) -> QuerySet[Memory]:
    """Return the memories that hold a text in key, value or search text."""
    return rows.filter(Q(value_json__icontains=text) | Q(search__icontains=text) | Q(key__icontains=text))


@dataclass(frozen=True, slots=True)
class Selection:
    """Which memories of a project are meant. None: whichever."""

    project_id: int
    scope: MemoryScope | None = None
    scope_id: str | None = None
    key: str | None = None
    prefix: str | None = None
    about: str | None = None

    def check(self) -> None:
        """Refuse what would forget more than anybody means.

        Raises: MemoryInvalid: names the field.
        """
        if self.key is None and self.prefix is None and self.about is None:
            raise MemoryInvalid(
                "key: say what is to be forgotten: a key, a prefix of keys, or a text (about)"
            )
        for name in ("key", "prefix", "about"):
            text = getattr(self, name)
            least = _LEAST_ABOUT if name == "about" else 1
            if text is not None and not (
                least <= len(text.strip()) and len(text) <= _MOST_TEXT and text.isprintable()
            ):
                raise MemoryInvalid(f"{name}: give {least} to {_MOST_TEXT} printable characters")

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
        return rows if self.about is None else narrow_to_text(rows, self.about)

    @property
    def json(self) -> str:
        """Return what is kept of it: not the text that was looked for."""
        about = None if self.about is None else f"a text of {len(self.about)} characters"
        said = {
            "scope": self.scope,
            "id": self.scope_id,
            "key": self.key,
            "prefix": self.prefix,
            "about": about,
        }
        return canonical({name: str(value) for name, value in said.items() if value is not None})

    def fits(self, line: MemoryLine) -> bool:
        """Return whether something is meant that is noted and not remembered yet."""
        about = (self.about or "").lower()
        return (
            self.scope in {None, line["scope"]}
            and self.scope_id in {None, line["scope_id"]}
            and self.key in {None, line["key"]}
            and line["key"].startswith(self.prefix or "")
            and any(about in line[name].lower() for name in ("key", "value", "search"))
        )


def forget_all(
    selection: Selection, reason: str, by: AbstractBaseUser | None, person_name: str
) -> Forgetting:
    """Forget the memories that are meant, and what is noted and not accepted yet; tell it by a row.

    Raises: MemoryInvalid. MemoryNotFound: nothing fits.
    """
    selection.check()
    if not reason.strip() or len(reason) > _MOST_REASON or "\x00" in reason:
        raise MemoryInvalid(f"reason: say why, in 1 to {_MOST_REASON:,} characters")
    with transaction.atomic():
        ids = list(selection.rows.select_for_update().order_by("pk").values_list("pk", flat=True))
        dropped = _drop_notes(selection)
        if not ids and not dropped:
            raise MemoryNotFound("nothing that is remembered fits; look for it in the list of memories")
        told = Forgetting.objects.create(
            project_id=selection.project_id,
            which=selection.json,
            reason=reason,
            person_id=None if by is None else by.pk,
            person_name=person_name,
            versions=len(ids),
        )
        Memory.objects.filter(pk__in=ids).update(value_json=None, search="", forgotten=told)
        if are_enabled():
            fetch_all(_DROP_VECTORS, {"ids": ids})
    return told


def _drop_notes(selection: Selection) -> int:
    """Let go of what is noted; return how much of it."""
    count = 0
    for draft in (
        MemoryDraft.objects.filter(project_id=selection.project_id).select_for_update().order_by("pk")
    ):
        said = orjson.loads(draft.lines_json)
        kept = [line for line in said["lines"] if not selection.fits(line)]
        if len(kept) == len(said["lines"]):
            continue
        count += len(said["lines"]) - len(kept)
        keys = {line["key"] for line in kept}
        said = {"lines": kept, "embedded": [line for line in said["embedded"] if line["key"] in keys]}
        draft.lines_json = orjson.dumps(said).decode()
        draft.save(update_fields=["lines_json"])
    return count
