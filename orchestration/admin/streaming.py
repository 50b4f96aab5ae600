"""Files that are sent while they are read: however long they are, a part of them is held at a time."""

from collections.abc import AsyncIterator, Iterator
from itertools import islice

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

_TOGETHER = 200


def send_file(
    request: HttpRequest, texts: Iterator[str], content_type: str, name: str
) -> StreamingHttpResponse:
    """Return texts as a file. Under ASGI Django would read all of a plain iterator first: there it gets another."""
    parts = _join(texts)
    return StreamingHttpResponse(
        _read_aside(parts) if isinstance(request, ASGIRequest) else parts,
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _join(texts: Iterator[str]) -> Iterator[bytes]:
    while part := "".join(islice(texts, _TOGETHER)):
        yield part.encode()


async def _read_aside(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield parts, each read on the thread of the request, whose connection has the cursor."""
    read = sync_to_async(lambda: next(parts, b""))
    while part := await read():
        yield part
