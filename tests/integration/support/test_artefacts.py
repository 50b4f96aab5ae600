import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from examples.support import artefacts, intent_model
from examples.support.errors import DataError, ModelMissing
from examples.support.intent_model import IntentModel
from examples.support.intents import Example

# Distinct enough for a classifier to tell apart, small enough to train in a blink.
TOPICS = {
    "weather": "will it rain in town number",
    "music": "play the song number",
    "alarm": "wake me up at hour number",
    "taxi": "order a car to street number",
    "oos": "nonsense thing number",
}


@pytest.fixture
def empty_folder(settings: LazySettings, tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    settings.RINGMASTER = {**settings.RINGMASTER, "SUPPORT_MODELS_DIR": str(folder)}
    return folder


def _write_examples(path: Path, prefix: str = "") -> Path:
    rows = [
        {"text": f"{prefix}{text} {number}", "intent": intent}
        for intent, text in TOPICS.items()
        for number in range(12)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_the_first_message_trains_the_shops_classifier_and_the_next_ones_find_it(models_folder: Path) -> None:
    first = artefacts.load_shop_model()
    [file] = models_folder.glob("shop-*.joblib")
    stamp = file.stat().st_mtime_ns
    assert artefacts.load_shop_model() is first
    assert file.stat().st_mtime_ns == stamp


def test_threads_that_start_at_once_train_once(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = []
    train = intent_model.train

    def count(examples: Sequence[Example]) -> IntentModel:
        trainings.append(len(examples))
        return train(examples)

    monkeypatch.setattr(intent_model, "train", count)
    together = threading.Barrier(4)

    def start(_: int) -> object:
        together.wait(timeout=30)
        return artefacts.load_shop_model()

    with ThreadPoolExecutor(4) as pool:
        models = set(map(id, pool.map(start, range(4))))

    assert len(trainings) == 1
    assert len(models) == 1
    assert [file.suffix for file in sorted(empty_folder.iterdir())] == [".joblib", ".lock"]


def test_processes_that_start_at_once_train_once(empty_folder: Path, tmp_path: Path) -> None:
    program = f"""
import os, sys
from django.conf import settings
settings.configure(RINGMASTER={{"SUPPORT_MODELS_DIR": {str(empty_folder)!r}}})
from examples.support import artefacts, intent_model
train = intent_model.train
def report(*given):
    print("trained", flush=True)
    return train(*given)
intent_model.train = report
print("ready", flush=True)
sys.stdin.readline()
print(artefacts.load_shop_model().guess(["where is my order"])[0].label, flush=True)
"""
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[3],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for starter in starters:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "ready\n"
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    said = [starter.communicate(timeout=60)[0].split() for starter in starters]
    assert sorted(word for words in said for word in words) == ["order_status", "order_status", "trained"]


def test_without_training_the_command_is_named(empty_folder: Path) -> None:
    with pytest.raises(ModelMissing, match=r"run `manage\.py train_triage --train"):
        artefacts.load_triage_model()


def test_training_stores_a_model_that_is_loaded_and_replaced_while_in_use(
    empty_folder: Path, tmp_path: Path
) -> None:
    train, held = _write_examples(tmp_path / "a.jsonl"), _write_examples(tmp_path / "b.jsonl", "please ")
    said = StringIO()
    call_command("train_triage", train=train, calibrate=held, json=True, stdout=said)
    first = artefacts.load_triage_model()
    assert first.guess(["play the song number 99"])[0].label == "music"
    assert json.loads(said.getvalue())["artefact"] == str(artefacts.triage_path())

    call_command("train_triage", train=train, calibrate=held, stdout=said)
    assert artefacts.load_triage_model() is not first
    assert "of them rightly" in said.getvalue()


def test_a_damaged_model_says_so(empty_folder: Path) -> None:
    empty_folder.mkdir()
    artefacts.triage_path().write_bytes(b"half a mod")
    with pytest.raises(ModelMissing, match="delete it and train again"):
        artefacts.load_triage_model()


def test_a_folder_that_cannot_be_made_says_so(settings: LazySettings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.RINGMASTER = {"SUPPORT_MODELS_DIR": str(tmp_path / "file" / "models")}
    with pytest.raises(DataError, match="SUPPORT_MODELS_DIR"):
        artefacts.load_shop_model()


def test_files_that_cannot_be_used_are_a_plain_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"gone\.jsonl: can't be read"):
        call_command("train_triage", train=tmp_path / "gone.jsonl", calibrate=tmp_path / "gone.jsonl")


def test_importing_the_agents_loads_no_classifier() -> None:
    program = (
        "import django, sys; django.setup(); import examples.support.agents; "
        "print(sorted({'sklearn', 'vaderSentiment', 'joblib'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert answer.stdout == "[]\n"
