"""`gasfield list`."""

from __future__ import annotations


def list_() -> None:
    """Lists the available scenarios, each with its question."""
    from rich.console import Console
    from rich.table import Table

    from gasfield.resources import scenario_files
    from gasfield.scenario.document import Document

    table = Table("scenario", "question", box=None, pad_edge=False)
    for path in scenario_files():
        data = Document(path).data
        table.add_row(path.stem, str(data.get("question", "")) if isinstance(data, dict) else "")
    Console().print(table)
