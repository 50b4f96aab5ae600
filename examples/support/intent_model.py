"""The intent classifier: TF-IDF features, a linear model, and a calibrated confidence.

Owns training, calibration and prediction. Importing this module imports scikit-learn (about a second and
80 MB), so only `artefacts.py` does it, inside a worker. It reads no files and no database.

The confidence answers one question: how often is a guess with this margin right, when one message in three
asks for something the classifier was never taught? The unknown third is made by teaching the model without
some of the intents and showing it exactly those: no text of a real out-of-scope stream is needed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import FeatureUnion
from sklearn.svm import LinearSVC

from examples.support.errors import DataError
from examples.support.intents import (
    MIN_CONFIDENCE,
    OUT_OF_SCOPE_LABELS,
    Calibration,
    Example,
    Guess,
    known_intents,
)

# Cautious on purpose: a shop sees fewer strange messages than this.
UNSEEN_SHARE = 1 / 3
FOLDS = 5
# One is left out while calibrating, and a choice needs three.
_FEWEST_INTENTS = 4
SEED = 20240501
_ANY_WORD = r"\b\w+\b"

# A sparse matrix of scikit-learn, which ships no types.
Features = Any
Floats = NDArray[np.float64]
Labels = NDArray[np.str_]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LinearHead:
    """A trained linear model, kept as plain arrays (float32: half the memory, the same ranking)."""

    labels: Labels
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def read(self, features: Features) -> tuple[Labels, Floats]:
        """Return the best known intent of each text and by how much it beats everything else."""
        scores = np.asarray(features @ self.weights + self.bias, dtype=np.float64)
        rows = np.arange(len(scores))
        known = np.where(np.isin(self.labels, list(OUT_OF_SCOPE_LABELS)), -np.inf, scores)
        best = known.argmax(axis=1)
        rivals = scores.copy()
        rivals[rows, best] = -np.inf
        return self.labels[best], scores[rows, best] - rivals.max(axis=1)


@dataclass(frozen=True, slots=True)
class IntentModel:
    """What is stored: features, head, and the line that turns a margin into a probability."""

    vectorizer: FeatureUnion
    head: LinearHead
    slope: float
    offset: float
    calibration: Calibration

    def guess(self, texts: Sequence[str]) -> list[Guess]:
        """Read the intent of each text; safe to call from many threads."""
        if not texts:
            return []
        labels, margins = self.head.read(self.vectorizer.transform(texts))
        confidences = _sigmoid(self.slope * margins + self.offset)
        return [
            Guess(str(label), round(float(confidence), 4))
            for label, confidence in zip(labels, confidences, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Margins:
    """Margins seen while calibrating: of texts whose intent was taught, and of texts whose was not."""

    taught: Floats
    right: Flags
    unseen: Floats


def train(examples: Sequence[Example], calibrate_on: Sequence[Example] | None = None) -> IntentModel:
    """Teach a model and calibrate its confidence.

    Args:
        examples: what it learns from; labels in `OUT_OF_SCOPE_LABELS` teach what not to answer.
        calibrate_on: other labelled texts. Without them the examples are cross-validated.

    Returns:
        A model whose confidence holds for texts like those it was calibrated on.

    Raises:
        DataError: too few intents, or texts to calibrate on whose intent is not taught.
    """
    _check_intents(examples, calibrate_on or ())
    texts, labels = _columns(examples)
    vectorizer = _new_vectorizer()
    features = vectorizer.fit_transform(texts)
    if calibrate_on is None:
        margins = _cross_validate(features, labels)
    else:
        held_texts, held_labels = _columns(calibrate_on)
        margins = _measure(features, labels, vectorizer.transform(held_texts), held_labels)
    slope, offset = _fit_line(margins)
    calibration = _summarise(margins, slope, offset)
    return IntentModel(vectorizer, _fit_head(features, labels), slope, offset, calibration)


def _check_intents(examples: Sequence[Example], calibrate_on: Sequence[Example]) -> None:
    taught = known_intents(examples)
    if len(taught) < _FEWEST_INTENTS:
        raise DataError(
            f"There are {len(taught)} intents to learn; give texts of at least {_FEWEST_INTENTS}."
        )
    untaught = sorted(known_intents(calibrate_on) - taught)
    if untaught:
        raise DataError(
            f"Intent {untaught[0]!r} is to calibrate on but not to learn; add texts that teach it."
        )


def _columns(examples: Sequence[Example]) -> tuple[list[str], Labels]:
    return [example.text for example in examples], np.array([example.label for example in examples])


def _new_vectorizer() -> FeatureUnion:
    # Short words count: "is it in" tells as much as the noun.
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=_ANY_WORD)
    # Parts of words forgive typing errors and endings.
    parts = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=3)
    for vectorizer in (words, parts):
        vectorizer.set_params(dtype=np.float32)
    return FeatureUnion([("words", words), ("parts", parts)])


def _fit_head(features: Features, labels: Labels) -> LinearHead:
    machine = LinearSVC(C=1.0, random_state=SEED).fit(features, labels)
    return LinearHead(
        labels=np.array(machine.classes_),
        weights=np.ascontiguousarray(machine.coef_.T, dtype=np.float32),
        bias=np.asarray(machine.intercept_, dtype=np.float32),
    )


def _known_groups(labels: Labels) -> Iterator[Labels]:
    """Split the known intents into groups, each of which is once left untaught."""
    known = np.array(sorted(set(labels.tolist()) - OUT_OF_SCOPE_LABELS))
    np.random.default_rng(SEED).shuffle(known)
    for group in range(FOLDS):
        yield known[group::FOLDS]


def _measure(features: Features, labels: Labels, held: Features, held_labels: Labels) -> _Margins:
    guessed, taught = _fit_head(features, labels).read(held)
    unseen = [taught[np.isin(held_labels, list(OUT_OF_SCOPE_LABELS))]]
    for group in _known_groups(labels):
        keep, shown = ~np.isin(labels, group), np.isin(held_labels, group)
        if shown.any():
            unseen.append(_fit_head(features[keep], labels[keep]).read(held[shown])[1])
    known = ~np.isin(held_labels, list(OUT_OF_SCOPE_LABELS))
    return _Margins(taught[known], (guessed == held_labels)[known], np.concatenate(unseen))


def _cross_validate(features: Features, labels: Labels) -> _Margins:
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(features, labels)
    parts = [_measure(features[fit], labels[fit], features[rest], labels[rest]) for fit, rest in folds]
    return _Margins(
        taught=np.concatenate([part.taught for part in parts]),
        right=np.concatenate([part.right for part in parts]),
        unseen=np.concatenate([part.unseen for part in parts]),
    )


def _fit_line(margins: _Margins) -> tuple[float, float]:
    """Fit the logistic curve from margin to "the guess is right"; an untaught intent is never right."""
    seen, unseen = len(margins.taught), len(margins.unseen)
    inputs = np.concatenate([margins.taught, margins.unseen]).reshape(-1, 1)
    outcomes = np.concatenate([margins.right, np.zeros(unseen, dtype=np.bool_)])
    shares = np.concatenate(
        [np.full(seen, (1 - UNSEEN_SHARE) / seen), np.full(unseen, UNSEEN_SHARE / unseen)]
    )
    # Unregularised: one slope and one offset can't over-fit hundreds of margins.
    curve = LogisticRegression(C=1e6).fit(inputs, outcomes, sample_weight=shares * (seen + unseen))
    return float(curve.coef_[0, 0]), float(curve.intercept_[0])


def _summarise(margins: _Margins, slope: float, offset: float) -> Calibration:
    answered = _sigmoid(slope * margins.taught + offset) >= MIN_CONFIDENCE
    escalated = _sigmoid(slope * margins.unseen + offset) < MIN_CONFIDENCE
    return Calibration(
        texts=len(margins.taught),
        answered=round(float(answered.mean()), 4),
        right=round(float(margins.right[answered].mean()), 4) if answered.any() else 0.0,
        unseen_escalated=round(float(escalated.mean()), 4),
    )


def _sigmoid(values: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-values))
