"""The pages of the reference in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gasfield.files import write_file
from gasfield.reference.examples import BASE, example_of
from gasfield.reference.keys import Key, keys_of, summary_of
from gasfield.reference.layout import PAGES, Page, Section, links, sections_of, slug

_HEAD = "<!-- Made by `gasfield schema` from the specifications: change these. -->\n\n"


def pages() -> dict[str, str]:
    """File name -> text of every page, that with the list of all pages included."""
    return {"README.md": _contents()} | {f"{page.name}.md": _page(page) for page in PAGES}


def write_pages(folder: Path) -> list[Path]:
    """Writes all pages into a folder that exists.

    Raises:
        WriteError: if one cannot be written.
    """
    return [write_file(folder / name, text) for name, text in pages().items()]


def _contents() -> str:
    lines = [
        f"{_HEAD}# Reference of scenarios\n",
        "Every key of every kind, with its type, default, unit and meaning, from the specifications with which "
        "gasfield reads scenarios. An error in a scenario names the place here that describes the key.\n",
        *(f"* [{page.title}]({page.name}.md): {_first_sentence(page.intro)}" for page in PAGES),
        "\nEvery kind has an example. It shows the keys in which it differs from this scenario (`null`: without it):\n",
        _yaml(BASE),
        "Units: k_B = 1, so that temperature is an energy; a length is that of the space or of the embedding. "
        "Optimisers count steps as time ([notation](../notation.md)). A key without a default may be left out. "
        "`gasfield schema` gives the same for an editor, which completes and checks a file as it is written.",
    ]
    return "\n".join(lines) + "\n"


def _page(page: Page) -> str:
    sections = sections_of(page)
    shared = _shared_keys(page)
    parts = [f"{_HEAD}# {page.title}\n\n{page.intro}\n"]
    if len(sections) > 3:
        parts.append(_list_of([section for section in sections if not section.holder]))
    if shared and page.registry is not None:
        parts.append(f"## Keys of every {page.registry.noun}\n\n{_table(shared, page.name)}")
    parts += [_section(page, section, shared) for section in sections]
    return "\n".join(parts)


def _list_of(sections: Sequence[Section]) -> str:
    return (
        "\n".join(f"* {_link_to(each.heading)}: {_first_sentence(summary_of(each.spec))}" for each in sections) + "\n"
    )


def _section(page: Page, section: Section, shared: Sequence[Key]) -> str:
    title = section.heading if " " in section.heading else f"`{section.heading}`"
    keys = [key for key in keys_of(section.spec, _link) if key not in shared]
    parts = [f"## {title}\n", f"{summary_of(section.spec)}\n"]
    if section.holder:
        parts.append(f"It is part of {_link_to(section.holder)}.\n")
    parts.append(_table(keys, slug(section.heading)) if keys else "It has no keys of its own.\n")
    example = example_of(page.name, section)
    if example:
        parts.append(f"Example:\n\n{_yaml(example)}")
    return "\n".join(parts)


def _link_to(heading: str) -> str:
    """A link within a page."""
    return f"[`{heading}`](#{slug(heading)})"


def _table(keys: Sequence[Key], owner: str) -> str:
    """A table of keys, each with an anchor OWNER.KEY."""
    lines = ["| key | type | default | unit | meaning |", "|---|---|---|---|---|"]
    for key in keys:
        name = f'<a id="{owner}.{key.name}"></a>`{key.name}`'
        cells = (name, key.type, key.default, key.unit, key.meaning)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _shared_keys(page: Page) -> list[Key]:
    """Keys that all kinds of a registry have, with the same meaning."""
    if page.registry is None or len(page.registry) < 3:
        return []
    of_each = [keys_of(spec, _link) for spec in page.registry.values()]
    return [key for key in of_each[0] if all(key in keys for keys in of_each)]


def _link(name: str) -> str:
    return links().get(name, name)


def _yaml(text: str) -> str:
    return f"```yaml\n{text}```\n"


def _first_sentence(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".:") + "."
