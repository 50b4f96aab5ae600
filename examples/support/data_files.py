"""The desk's data files, read once per process: templates, policy, guidelines, languages."""

import json
from functools import cache
from typing import Any

from examples.support import conf
from examples.support.errors import DataError


@cache
def read_data(name: str) -> dict[str, Any]:
    """Return a JSON object of the data folder.

    Raises:
        DataError: the file is missing or no JSON object; names it.
    """
    path = conf.DATA_DIR / f"{name}.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: can't be read ({error}); it must be a JSON object.") from error
    if not isinstance(data, dict):
        raise DataError(f"{path}: holds a {type(data).__name__}; it must be a JSON object.")
    return data
