"""How people look through memories: which hold a text, which are about somebody, which are like a text."""

import json
import unicodedata
from collections import Counter
from functools import reduce
from operator import or_
from typing import Final

from django.db.models import BooleanField, F, FloatField, Q, QuerySet
from django.db.models.expressions import RawSQL

from agents.domain.memories import MOST_KEY, normalise
from orchestration.memory.embedding import embed_text, get_embedder
from orchestration.memory.looking import ANY_WORD, CONSTANT, POOL
from orchestration.memory.rows import Memory
from orchestration.memory.vectors import write_vector

_HAS_WORD: Final = f"orchestration_memory.words @@ {ANY_WORD.format('%s')}"
_RANK: Final = f"ts_rank(orchestration_memory.words, {ANY_WORD.format('%s')}, 1)"
_DISTANCE: Final = """(SELECT v.embedding <=> %s::vector FROM orchestration_memoryvector v
    WHERE v.memory_id = orchestration_memory.id AND v.embedder = %s AND vector_dims(v.embedding) = %s)"""


def narrow_to_text(rows: QuerySet[Memory], text: str) -> QuerySet[Memory]:
    """Return the memories that hold a text in key, value or search text, in whichever form."""
    fields = ("value_json", "search", "key")
    found = [Q((f"{field}__icontains", form)) for form in list_forms(text) for field in fields]
    return rows.filter(reduce(or_, found))


def list_forms(text: str) -> list[str]:
    """Return how a text may stand in a memory: its characters composed or not, plain or as JSON has it."""
    forms = [text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))]
    return list(
        dict.fromkeys(
            form for plain in forms for form in (plain, json.dumps(plain, ensure_ascii=False)[1:-1])
        )
    )


def narrow_to_subject(rows: QuerySet[Memory], subject: str) -> QuerySet[Memory]:
    """Return the memories about somebody: written as such, or under a key that is this or begins with it and `/`."""
    name = normalise(subject)
    if len(name) > MOST_KEY:
        # Nobody has such a name, and the database would cut it down to somebody's.
        return rows.none()
    by_key = Q(key=name) | Q(key__startswith=f"{name}/")
    return rows.filter(Q(about__contains=[name]) | by_key)


def find_alike(rows: QuerySet[Memory], like: str) -> list[int]:
    """Return the ids of those of some memories that are like a text, the best first, as an agent would find them.

    By words, and by meaning where vectors are enabled; both orders are merged by reciprocal rank.
    """
    said = rows.order_by().filter(value_json__isnull=False)
    orders = [_order_by_words(said, like)]
    vector = embed_text(like)
    if vector is not None:
        orders.append(_order_by_meaning(said, vector))
    scores = Counter[int]()
    for order in orders:
        for place, pk in enumerate(order, start=1):
            scores[pk] += 1 / (CONSTANT + place)  # type: ignore[assignment]
    return sorted(scores, key=lambda pk: (-scores[pk], -pk))[:POOL]


def _order_by_words(rows: QuerySet[Memory], like: str) -> list[int]:
    has_word = RawSQL(_HAS_WORD, (like,), output_field=BooleanField())  # noqa: S611 - no text is put into it
    rank = RawSQL(_RANK, (like,), output_field=FloatField())  # noqa: S611 - no text is put into it
    found = rows.filter(has_word).annotate(rank=rank).order_by("-rank", "-pk")
    return list(found.values_list("pk", flat=True)[:POOL])


def _order_by_meaning(rows: QuerySet[Memory], vector: list[float]) -> list[int]:
    given = (write_vector(vector), get_embedder().name, len(vector))
    distance = RawSQL(_DISTANCE, given, output_field=FloatField())  # noqa: S611 - no text is put into it
    found = rows.annotate(distance=distance).order_by(F("distance").asc(nulls_last=True), "-pk")
    return [pk for pk, far in found.values_list("pk", "distance")[:POOL] if far is not None]
