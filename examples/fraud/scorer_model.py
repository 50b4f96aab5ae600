"""What the model scorer learned: weights beside the books they were learned from, read once per process."""

from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from examples.fraud import conf
from examples.fraud.errors import BooksError


class Model(BaseModel):
    """A linear model. `means`: what each figure usually is, so that what it adds is told from there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: tuple[str, ...]
    weights: tuple[float, ...]
    means: tuple[float, ...]
    offset: float

    @model_validator(mode="after")
    def _check(self) -> "Model":
        if not len(self.features) == len(self.weights) == len(self.means):
            raise ValueError("features, weights and means must be equally many")
        return self


def model_path() -> Path:
    """Return where the model of the settings' books belongs."""
    return conf.books_dir() / "model.json"


def open_model() -> Model:
    """Return the model of the settings' books.

    Raises: BooksError: nobody taught it, or its file is wrong; the message is the command to run.
    """
    return _read_model(model_path())


@lru_cache(maxsize=4)
def _read_model(path: Path) -> Model:
    try:
        return Model.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BooksError(
            f"{path}: can't be read ({error.strerror}): run `manage.py train_scorer`."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        field = "/".join(str(part) for part in first["loc"])
        raise BooksError(
            f"{path}: {field or 'the file'}: {first['msg']}: run `manage.py train_scorer`."
        ) from error
