"""The program as a user calls it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def gasfield(tmp_path: Path) -> Call:
    """gasfield("run", "name", ...) in an empty working directory."""

    def call(*arguments: object, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gasfield.cli", *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True)

    return call


@pytest.fixture
def refuses(gasfield: Call, tmp_path: Path) -> Callable[..., str]:
    """refuses("run", "bad.yaml") -> the message; exit code 2, no traceback, and nothing left behind."""

    def call(*arguments: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        done = gasfield(*arguments)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert sorted(tmp_path.rglob("*")) == before
        return done.stderr

    return call
