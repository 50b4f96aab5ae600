"""The documents can be read, fit their index, and a wrong file is named."""

from pathlib import Path

import pytest
from django.conf import LazySettings

from examples.research import conf
from examples.research.errors import LibraryError
from examples.research.library import open_library, read_library
from examples.research.reading import all_figures

HEAD = "---\ntitle: T\npublished: 2024-05-01\nkind: report\n---\n"
INDEX = '{"field": "f", "subjects": [], "groups": [], "measures": []}'


def _write(folder: Path, **files: str) -> Path:
    (folder / "index.json").write_text(files.pop("index", INDEX))
    for name, text in files.items():
        (folder / f"{name}.md").write_text(text)
    return folder


def test_our_own_library_holds_enough_and_some_of_it_is_corrected() -> None:
    library = open_library()
    assert 25 <= len(library.documents) <= 40
    assert {subject.group for subject in library.index.subjects} == {
        group.key for group in library.index.groups
    }
    corrected = {key for key in library.documents if library.correction_of(key)}
    assert corrected == {"wind-plan-2017", "solar-field-2019", "battery-tender-2020"}


def test_the_documents_contradict_each_other() -> None:
    values: dict[tuple[str, str], set[float]] = {}
    for figure in all_figures(open_library()):
        values.setdefault((figure.subject, figure.measure), set()).add(figure.value)
    assert sum(len(found) > 1 for found in values.values()) >= 15


def test_another_folder_can_be_named_in_the_settings(tmp_path: Path, settings: LazySettings) -> None:
    assert conf.library_dir() == conf.OWN_LIBRARY
    _write(tmp_path, one=HEAD + "One sentence.\n\nAnother one.\n")
    settings.RINGMASTER = {**settings.RINGMASTER, "RESEARCH_LIBRARY_DIR": str(tmp_path)}
    assert open_library().documents["one"].sentences == ("One sentence.", "Another one.")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds no documents"),
        ({"one": "no head"}, "has no head"),
        ({"one": "---\ntitle: T\nkind: x\n---\n"}, "published is missing"),
        ({"one": HEAD.replace("2024-05-01", "May")}, "write a date as"),
        ({"one": HEAD.replace("kind", "about: nobody\nkind")}, "about is 'nobody'"),
        ({"one": HEAD.replace("kind", "corrects: other\nkind")}, "corrects 'other'"),
        ({"one": HEAD, "index": "{}"}, "field: Field required"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, files: dict[str, str], words: str) -> None:
    with pytest.raises(LibraryError, match=words):
        read_library(_write(tmp_path, **files))
