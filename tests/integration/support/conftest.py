from pathlib import Path

import pytest
from django.conf import LazySettings


@pytest.fixture(scope="session")
def trained_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the whole session: the shop's classifier is trained once."""
    return tmp_path_factory.mktemp("support-models")


@pytest.fixture(autouse=True)
def models_folder(settings: LazySettings, trained_models: Path) -> Path:
    settings.RINGMASTER = {**settings.RINGMASTER, "SUPPORT_MODELS_DIR": str(trained_models)}
    return trained_models
