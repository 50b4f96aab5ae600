"""Trained classifiers on disk: saved in one step, loaded once per process, trained once per machine.

A classifier belongs to the scikit-learn that trained it, so the version is part of the file's name: after an
upgrade it counts as not trained. Read next: `intent_model.py`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from examples.support import conf
from examples.support.errors import DataError, ModelMissing
from examples.support.intents import Example, read_examples
from examples.support.reading import fill_placeholders

if TYPE_CHECKING:
    from examples.support.intent_model import IntentModel

# Raise it when what is stored changes its shape.
_FORMAT: Final = 1
_SHOP_TEXTS: Final = "intents.jsonl"

# Reentrant: training the shop's model ends by loading it.
_lock = threading.RLock()
_loaded: dict[Path, tuple[int, IntentModel]] = {}


def load_triage_model() -> IntentModel:
    """Return the classifier of `support-triage`.

    Raises:
        ModelMissing: nobody trained it yet; the message is the command to run.
    """
    path = triage_path()
    if not path.exists():
        raise ModelMissing(
            f"The triage classifier is not trained ({path} is missing): run "
            "`manage.py train_triage --train TRAIN.jsonl --calibrate VALIDATION.jsonl`."
        )
    return _load(path)


def load_shop_model() -> IntentModel:
    """Return the classifier of the shop's own intents; the first caller on this machine trains it."""
    texts = conf.DATA_DIR / _SHOP_TEXTS
    path = _artefact(f"shop-{hashlib.sha256(texts.read_bytes()).hexdigest()[:12]}")
    with _lock:
        if not path.exists():
            _train_shop(path)
        return _load(path)


def shop_texts() -> list[Example]:
    """Return the texts that teach the shop's intents, as a classifier sees them."""
    return fill_placeholders(read_examples(conf.DATA_DIR / _SHOP_TEXTS))


def triage_path() -> Path:
    """Return where the triage classifier belongs."""
    return _artefact("triage")


def save(model: IntentModel, path: Path) -> None:
    """Replace the file in one step: a reader sees the former model or this one, never half of it."""
    # joblib comes with scikit-learn's weight; nothing here needs it before a model does.
    import joblib  # type: ignore[import-untyped]  # ships no types

    _make_folder(path.parent)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    joblib.dump(model, draft)
    draft.replace(path)


def _load(path: Path) -> IntentModel:
    """Return the model of this file, read again only when the file was replaced."""
    stamp = path.stat().st_mtime_ns
    with _lock:
        known = _loaded.get(path)
        if known is None or known[0] != stamp:
            known = _loaded[path] = (stamp, _read(path))
        return known[1]


def _read(path: Path) -> IntentModel:
    # Unpickling imports scikit-learn: a second and 80 MB that only a worker that classifies should pay.
    import joblib

    from examples.support.intent_model import IntentModel

    try:
        model = joblib.load(path)
    except Exception as error:  # a damaged pickle can raise anything
        raise ModelMissing(f"{path} can't be read ({error}): delete it and train again.") from error
    if not isinstance(model, IntentModel):
        raise ModelMissing(
            f"{path} holds a {type(model).__name__}, not a classifier: delete it and train again."
        )
    return model


def _train_shop(path: Path) -> None:
    # The worker's first message pays for this import; `manage.py` and the web server never do.
    from examples.support import intent_model

    with _only_trainer(path):
        if not path.exists():
            save(intent_model.train(shop_texts()), path)


@contextmanager
def _only_trainer(path: Path) -> Iterator[None]:
    """Let one process train while the others wait; the kernel frees the lock of one that dies."""
    _make_folder(path.parent)
    with path.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _artefact(name: str) -> Path:
    return conf.models_dir() / f"{name}-{version('scikit-learn')}-v{_FORMAT}.joblib"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder} can't be made ({error.strerror}): set SUPPORT_MODELS_DIR in "
            "settings.RINGMASTER to a folder that the workers can write."
        ) from error
