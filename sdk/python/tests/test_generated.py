from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import traffic_manager_client

from .support import PACKAGE


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    subprocess.run([sys.executable, str(PACKAGE / "scripts/generate.py"), str(folder)], check=True)
    return folder


@pytest.mark.parametrize("name", ["models.py", "operations.py", "methods.py"])
def test_generated_file_is_what_the_document_gives(name: str, fresh: Path) -> None:
    present = PACKAGE / "src/traffic_manager_client" / name
    assert (fresh / name).read_text() == present.read_text(), "`python scripts/generate.py` writes it"


def test_version_is_that_of_the_package() -> None:
    assert f'\nversion = "{traffic_manager_client.VERSION}"\n' in (PACKAGE / "pyproject.toml").read_text()
