"""An embedder for benchmarks: numbers that depend on the text alone, made at once, so that the database is measured."""

import hashlib

import numpy as np

_DIMENSIONS = 256


class HashedEmbedder:
    """Makes a vector of length 1 of each word's digest, and adds them up: texts that share words are near."""

    name = f"hashed-{_DIMENSIONS}@1"
    dimensions = _DIMENSIONS

    def embed(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text."""
        return [self._embed(text).tolist() for text in texts]

    def _embed(self, text: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
        added = sum((self._spread(word) for word in text.split()), start=np.full(_DIMENSIONS, 1e-9))
        return added / np.linalg.norm(added)

    def _spread(self, word: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
        return np.random.default_rng(seed).standard_normal(_DIMENSIONS)
