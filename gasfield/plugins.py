"""Plug-ins: the user's own Python code that registers forces, dynamics, spaces, shapes, importers. A scenario never
names any: code is run because a person asked for it on the command line or in Python, or installed it.

A plug-in is a module whose classes are decorated with `gasfield.registry.register`. Packages name theirs as entry
points of the group `gasfield.plugins`; these are imported when a kind is asked for that is not registered, and by what
goes through all kinds.
"""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from gasfield.errors import InputError

GROUP = "gasfield.plugins"

_run: dict[str, str] = {}
"""Name of each plug-in that was run -> SHA-256 of its text, or its version where it is a package."""
_installed_seen = False


def run_plugin(path: Path | str) -> None:
    """Runs a Python file, with all rights of the user. The same file is run once.

    Raises:
        InputError: if there is no such file, or it fails; the message has the line and the reason.
    """
    path = Path(path)
    try:
        text = path.read_bytes()
    except OSError as fault:
        raise InputError(f"cannot be read ({fault.strerror}).", location=str(path)) from None
    digest = hashlib.sha256(text).hexdigest()
    if _run.get(path.name) == digest:
        return
    name = f"gasfield_plugin_{path.stem}"
    specification = spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise InputError("is no Python file; its name must end in .py.", location=str(path))
    module = module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except Exception as fault:  # whatever the user's code may raise
        del sys.modules[name]
        where = f"{path}{_line_in(path, fault)}"
        raise InputError(f"{type(fault).__name__}: {fault}", location=where) from None
    _run[path.name] = digest


def import_installed() -> None:
    """Imports the plug-ins of installed packages, once.

    Raises:
        InputError: if one of them fails.
    """
    global _installed_seen
    if _installed_seen:
        return
    _installed_seen = True
    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as fault:
            raise InputError(
                f"the installed plug-in '{entry.name}' ({entry.value}) cannot be imported: {type(fault).__name__}: "
                f"{fault}. Mend or uninstall it."
            ) from None
        _run[entry.name] = entry.dist.version if entry.dist else ""


def plugins_in_use() -> str:
    """Every plug-in that was run, with the SHA-256 of its text or its version; empty if there is none."""
    return ", ".join(f"{name} {text}" for name, text in sorted(_run.items()))


def _line_in(path: Path, fault: Exception) -> str:
    """`:line` of the file at which it failed, as far as that is known."""
    if isinstance(fault, SyntaxError):
        return f":{fault.lineno}"
    line, trace = None, fault.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f":{line}"
