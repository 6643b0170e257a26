"""Where the reference (docs/reference) describes a key of a scenario. Error messages name it, and its pages are laid
out by it."""

from __future__ import annotations

from typing import Any

from gasfield.errors import Place
from gasfield.faults import child
from gasfield.scenario.diagnostic import DIAGNOSTICS

FOLDER = "docs/reference"
PAGES = {
    "space": "spaces", "gas": "gas", "forces": "forces", "dynamics": "dynamics", "temperature": "schedules",
    "tracers": "tracers", "diagnostics": "diagnostics", "operations": "operations", "events": "events", "scan": "scans",
}  # fmt: skip
"""Key of a scenario -> page about what it can hold; the page `scenario` is about all others."""
HEADINGS = {"gas": "group", "tracers": "tracer", "events": "event", "scan": "scan"} | {
    key: key for key in ("run", "compare", "minimize", "replicas")
}
"""Key of a scenario -> heading about what has no kind."""


_LONGEST = 40
"""Characters of a kind."""


def anchor(place: Place, data: Any) -> str:
    """The page and heading about a key, such as docs/reference/forces.md#harmonic; the page alone where the key is a
    kind, or no component is of a kind.

    Args:
        place: keys and indices from the root of the scenario.
        data: of the whole scenario.
    """
    key = str(place[0]) if place else ""
    page = PAGES.get(key, "scenario")
    heading = _kind_along(place, data) if key in PAGES else ""
    heading = heading or HEADINGS.get(key, "" if key in PAGES else "scenario")
    return f"{FOLDER}/{page}.md" + (f"#{heading}" if heading else "")


def _kind_along(place: Place, data: Any) -> str:
    """The first kind of a component that holds a place; diagnostics may be given by their kinds alone."""
    for depth, part in enumerate(place, 1):
        data = child(data, part)
        kind = data.get("kind") if isinstance(data, dict) and place[depth:] != ("kind",) else None
        if kind is None and place[0] == "diagnostics" and isinstance(data, str) and data in set(DIAGNOSTICS):
            kind = data
        if isinstance(kind, str) and kind.isidentifier() and len(kind) <= _LONGEST:
            return kind
    return ""
