"""The command line as called by a user.

Most calls are made in the test process, through the same `main` with the same streams and exit codes, because a new
process takes seconds to import and compile. Recordings, which start PyTorch's threads, and runs with a given number of
threads use a separate process, unless they are rejected before they begin.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import pytest

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def gasfield(tmp_path: Path) -> Call:
    """gasfield("run", "name", ...) in an empty working directory."""

    def call(*arguments: object, cwd: Path = tmp_path, begins: bool = True) -> subprocess.CompletedProcess[str]:
        words = [str(argument) for argument in arguments]
        apart = begins and (words[0] == "record" or "--threads" in words)
        return in_a_process(words, cwd) if apart else in_this_process(words, cwd)

    return call


def in_a_process(words: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs `gasfield WORDS` in a new process."""
    return subprocess.run([sys.executable, "-m", "gasfield.cli", *words], cwd=cwd, capture_output=True, text=True)


def in_this_process(words: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs `gasfield WORDS` in the test process."""
    from gasfield.cli import main

    out, err, before = io.StringIO(), io.StringIO(), Path.cwd()
    code: object = 0
    os.chdir(cwd)
    try:
        with mock.patch.object(sys, "argv", ["gasfield", *words]), redirect_stdout(out), redirect_stderr(err):
            try:
                main()
            except SystemExit as end:
                code = end.code or 0
            except Exception:
                traceback.print_exc()
                code = 1
    finally:
        os.chdir(before)
    return subprocess.CompletedProcess(words, int(str(code)), out.getvalue(), err.getvalue())


@pytest.fixture
def refuses(gasfield: Call, tmp_path: Path) -> Callable[..., str]:
    """refuses("run", "bad.yaml") -> the message; asserts exit code 2, no traceback and no new files."""

    def call(*arguments: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        done = gasfield(*arguments, begins=False)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert sorted(tmp_path.rglob("*")) == before
        return done.stderr

    return call
