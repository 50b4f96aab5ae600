"""The embedder that comes with Ringmaster: word vectors in the package itself, without a network or a graphics card."""

from functools import cached_property
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

_DIMENSIONS: Final = 256
_MOST_CHARACTERS: Final = 8_000


class WordLlamaEmbedder:
    """Averages the vectors of a text's words; one that means something similar has a similar vector."""

    name = f"wordllama-{_DIMENSIONS}@{version('wordllama')}"
    dimensions = _DIMENSIONS

    def embed(self, texts: list[str]) -> list[list[float]]:
        """Return a vector of length 1 for each text."""
        cut = [text[:_MOST_CHARACTERS] or " " for text in texts]
        vectors: list[list[float]] = self._model.embed(cut, norm=True).tolist()
        return vectors

    @cached_property
    def _model(self) -> Any:
        """Read weights and words, in a second or three: only in a process that embeds something."""
        package = import_module("wordllama")
        folder = Path(package.__file__ or "").parent  # weights and tokenizer lie in it; nothing is fetched
        build = getattr(package.WordLlama, "load")  # noqa: B009 - no text is read by it
        return build(cache_dir=folder, dim=_DIMENSIONS, disable_download=True)
