"""Plug-ins: Python code of the user that registers forces, dynamics, spaces, shapes and importers. A scenario never
refers to one: code is run only if it was requested on the command line or in Python, or installed.

A plug-in is a module whose classes are decorated with `gasfield.registry.register`. Packages declare theirs as entry
points of the group `gasfield.plugins`; these are imported when an unregistered kind is looked up, or all kinds are
listed.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from pydantic import BaseModel

from gasfield.errors import InputError

GROUP = "gasfield.plugins"

_run: dict[str, str] = {}
"""Name of each plug-in file that was run -> SHA-256 of its text."""
_installed: dict[str, tuple[str, str]] = {}
"""Name of each installed plug-in -> its top-level package, and its version."""
_installed_seen = False


def run_plugin(path: Path | str) -> None:
    """Runs a Python file with all rights of the user. The same file is run only once.

    Raises:
        InputError: if there is no such file, or it fails; the message contains the line and the reason.
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
        raise InputError("not a Python file; its name must end in .py.", location=str(path))
    module = module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except Exception as fault:  # user code may raise any exception
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
                f"{fault}. Fix or uninstall it."
            ) from None
        _installed[entry.name] = (entry.module.partition(".")[0], entry.dist.version if entry.dist else "")


def plugins_in_use(*specifications: object) -> str:
    """The plug-ins that specifications depend on: every file that was run, with the SHA-256 of its text, and those of
    installed packages that define one of the specifications, with their version. Empty if there are none."""
    packages = {module.partition(".")[0] for specification in specifications for module in _modules(specification)}
    used = _run | {name: version for name, (package, version) in _installed.items() if package in packages}
    return ", ".join(f"{name} {text}" for name, text in sorted(used.items()))


def _modules(value: object) -> Iterator[str]:
    """The modules that define a specification and those within it."""
    if isinstance(value, BaseModel):
        yield type(value).__module__
        for name in type(value).model_fields:
            yield from _modules(getattr(value, name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _modules(item)


def _line_in(path: Path, fault: Exception) -> str:
    """`:line` of the file at which it failed, if known."""
    if isinstance(fault, SyntaxError):
        return f":{fault.lineno}"
    line, trace = None, fault.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f":{line}"
