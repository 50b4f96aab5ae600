"""What a request may take of tokens where it has pictures, sound or documents beside text."""

from typing import Any

import pytest
from pydantic_ai.messages import (
    AudioUrl,
    BinaryContent,
    DocumentUrl,
    FilePart,
    ImageUrl,
    ModelRequest,
    ModelResponse,
    ToolReturnPart,
    UserPromptPart,
    VideoUrl,
)
from pydantic_ai.models import ModelRequestParameters

from agents.runtimes.model.requests import estimate_tokens
from agents.runtimes.model.weighing import FILE_TOKENS, IMAGE_TOKENS

_PICTURE = BinaryContent(b"x" * 600_000, media_type="image/png")
_SMALL = BinaryContent(b"x", media_type="image/png")
_SOUND = BinaryContent(b"x" * 600_000, media_type="audio/wav")


def _count(*content: Any) -> int:
    return _count_messages(ModelRequest([UserPromptPart(["what is it?", *content])]))


def _count_messages(*messages: Any) -> int:
    given, most = estimate_tokens((None, list(messages), None, ModelRequestParameters()), 7)
    assert most == 7
    return given


@pytest.mark.parametrize(
    ("content", "least"),
    [
        (ImageUrl("https://x.example/a.png"), IMAGE_TOKENS),
        (_PICTURE, IMAGE_TOKENS),
        (_SMALL, IMAGE_TOKENS),
        (DocumentUrl("https://x.example/a.pdf"), FILE_TOKENS),
        (AudioUrl("https://x.example/a.mp3"), FILE_TOKENS),
        (VideoUrl("https://x.example/a.mp4"), FILE_TOKENS),
        (_SOUND, 200_000),
    ],
    ids=[
        "image address",
        "image",
        "small image",
        "document address",
        "sound address",
        "film address",
        "sound",
    ],
)
def test_a_file_counts_as_what_providers_make_of_it_at_most(content: Any, least: int) -> None:
    text = _count()
    assert text < 200
    assert least <= _count(content) - text < least * 1.3 + 200


def test_each_counts_wherever_it_is() -> None:
    text = _count()
    assert 3 * IMAGE_TOKENS <= _count(_PICTURE, _SMALL, ImageUrl("https://x.example/b.png")) - text < 16_000
    returned = ToolReturnPart("look", {"pages": [_PICTURE, {"more": _SMALL}]}, tool_call_id="1")
    drawn = ModelResponse([FilePart(_PICTURE)])
    assert 3 * IMAGE_TOKENS <= _count_messages(ModelRequest([returned]), drawn) < 16_000
