"""Clients of pages: ES modules in folders `client/`, joined into one script so that a page needs no other file.

The modules are written so that joining needs no bundler: they import names of each other by `import { a, b } from
"./file.js";` (or from another folder), without renaming, and export declarations, whose names are different in all of
them.
"""

from __future__ import annotations

import posixpath
import re
from functools import cache
from importlib.resources import files

TWGL_VERSION = "7.0.0"
TWGL_SHA256 = "bc94a897aa369db1af4b32b33d069ad92aa1032688dfec4ace0656eca404b032"
"""The drawing library, twgl.js (MIT), unchanged as published in the registry of npm: package/dist/7.x/twgl.js."""
_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[\w./]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|const|class)", re.MULTILINE)
_DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)


@cache
def read(name: str) -> str:
    """A file of a client, by its path in the package (`playing/client/player.js`), or in the client of the viewer."""
    path = name if "/client/" in name else f"viewing/client/{name}"
    return files("gasfield").joinpath(*path.split("/")).read_text(encoding="utf-8")


def joined(entry: str) -> str:
    """A module and all that it imports as one script, what is imported first.

    Raises:
        ValueError: if two modules declare the same name, or import each other.
    """
    order: list[str] = []
    _visit(entry, order, ())
    declared: dict[str, str] = {}
    for name in order:
        for word in _DECLARED.findall(read(name)):
            if declared.setdefault(word, name) != name:
                raise ValueError(f"{word} is declared by {declared[word]} and {name}")
    return "\n".join(f"// {name}\n" + _EXPORT.sub("", _IMPORT.sub("", read(name))) for name in order)


def _visit(name: str, order: list[str], above: tuple[str, ...]) -> None:
    if name in above:
        raise ValueError(f"{' -> '.join([*above, name])}: modules import each other")
    if name not in order:
        for _, wanted in _IMPORT.findall(read(name)):
            _visit(posixpath.normpath(posixpath.join(posixpath.dirname(name), wanted)), order, (*above, name))
        order.append(name)
