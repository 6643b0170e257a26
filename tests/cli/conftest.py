"""The program as a user calls it.

Most calls are made in the process of the tests, through the same `main` with the same streams and exit codes: a new
process takes seconds to import and compile what is there already. Recordings, which bring PyTorch's threads along, and
runs that choose a number of threads get a process of their own, unless they are refused before they begin; so does
whatever a test starts by itself.
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
    """`gasfield WORDS` as a shell runs it."""
    return subprocess.run([sys.executable, "-m", "gasfield.cli", *words], cwd=cwd, capture_output=True, text=True)


def in_this_process(words: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """The same without a new process."""
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
    """refuses("run", "bad.yaml") -> the message; exit code 2, no traceback, and nothing left behind."""

    def call(*arguments: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        done = gasfield(*arguments, begins=False)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert sorted(tmp_path.rglob("*")) == before
        return done.stderr

    return call
