"""Completion of commands and options by the shell, as docs/commands.md describes it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def ask(what: str, words: str = "", position: int = 0) -> list[str]:
    """The lines that gasfield prints for a shell."""
    asked = {"_GASFIELD_COMPLETE": what, "COMP_WORDS": words, "COMP_CWORD": str(position)}
    code = "import sys; sys.argv[0] = 'gasfield'; from gasfield.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **asked})
    assert done.stderr == ""
    return done.stdout.split()


def test_commands_and_options_are_completed() -> None:
    assert sorted(ask("complete_bash", "gasfield rec", 1)) == ["record"]
    assert ask("complete_bash", "gasfield run --overw", 2) == ["--overwrite"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_calls_gasfield(shell: str) -> None:
    assert f"_GASFIELD_COMPLETE=complete_{shell}" in " ".join(ask(f"source_{shell}"))
