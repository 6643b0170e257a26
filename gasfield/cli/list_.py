"""`gasfield list`."""

from __future__ import annotations

from pathlib import Path

from gasfield.errors import InputError


def list_() -> None:
    """Lists the available scenarios, each with its question."""
    from gasfield.cli.tables import Rows
    from gasfield.resources import FORMER_SCENARIOS, scenario_files

    table = Rows("scenario", "question")
    former = {now: name for name, now in FORMER_SCENARIOS.items()}
    for path in scenario_files():
        aside = f" (formerly {former[path.stem]})" if path.stem in former else ""
        table.row([path.stem, _question(path) + aside])
    table.put()


def _question(path: Path) -> str:
    """The question of a scenario in one line; why it cannot be read, if that is so."""
    from gasfield.scenario.document import Document

    try:
        data = Document(path).data
    except InputError as fault:
        return f"cannot be read: {fault.message}"
    return " ".join(str(data.get("question", "")).split()) if isinstance(data, dict) else ""
