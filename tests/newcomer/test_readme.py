"""A newcomer who does what README says, in order, gets what README shows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.imports import ROOT
from tests.pages import follow

# What of pip's and git's environment a newcomer would have too.
_KEPT = ("HOME", "LANG", "PIP_INDEX_URL", "PIP_CONFIG_FILE", "SSL_CERT_FILE", "https_proxy")


@pytest.mark.slow
def test_the_commands_of_the_readme_work_in_a_fresh_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repository stands for its address; what is committed is cloned."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    for name in set(os.environ) - {"PATH", *_KEPT}:
        monkeypatch.delenv(name)
    (tmp_path / "URL-OF-THIS-REPOSITORY").symlink_to(ROOT)
    commands = follow(
        ROOT / "README.md",
        tmp_path,
        until="## Measured",
        PATH=os.pathsep.join([str(tmp_path / "venv" / "bin"), os.environ["PATH"]]),
        VIRTUAL_ENV=str(tmp_path / "venv"),
    )
    assert commands >= 3
