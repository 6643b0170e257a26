"""The parts of a page: numbers, pictures, remarks, origin, and runs side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gasfield.printable import LISTED, shortened
from gasfield.quantity import Quantity
from gasfield.reporting.headline import split
from gasfield.reporting.html import Child, Html, element, folded, joined, table, text
from gasfield.reporting.pictures import address_of
from gasfield.reporting.side_by_side import SURPRISING, Line
from gasfield.reporting.subject import Picture, Remark, Subject

_LISTED = 6
"""Numbers of a list that are shown."""
_WIDE = 1100
"""Pixels of width above which a picture has a row of its own: its words would be too small beside another."""
_REMARKS = 500
"""Remarks that are shown."""
_GROUPS = 12
"""Groups that are named in a remark."""


def cards(numbers: Mapping[str, Quantity], everything: Mapping[str, Quantity]) -> Html:
    """The headline numbers, large; a difference from the real value as the simulated value, with what it differs
    from."""
    made = []
    for path, number in numbers.items():
        group, name = split(path)
        stem = path.removesuffix(".difference")
        sides = [everything.get(f"{stem}.{side}") for side in ("simulated", "real")] if stem != path else []
        shown, aside = number, None
        if len(sides) == 2 and sides[0] is not None and sides[1] is not None:
            name, shown = name.removesuffix(".difference"), sides[0]
            aside = element("dd", f"real {value_of(sides[1])}, difference {value_of(number)}", class_="aside")
        unit = element("span", f" {shown.unit}", class_="unit") if shown.unit != "1" else None
        label = element("dt", element("span", group, class_="group") if group else None, words_of(name))
        made.append(element("div", label, element("dd", element("b", value_of(shown)), unit), aside))
    return element("dl", *made, class_="cards")


def words_of(name: str) -> str:
    """The key of a number in words."""
    return shortened(name.replace("_", " ").replace(".", " · "))


def value_of(number: Quantity) -> str:
    """A number, or a list of numbers, with errors in brackets."""
    if not isinstance(number.value, list):
        return number.text()
    if any(isinstance(each, list) for each in number.value):
        return f"{len(number.value)} lists of numbers"
    parts = number.parts()
    shown = ", ".join(part.text() for part in parts[:_LISTED])
    return shown if len(parts) <= _LISTED else f"{shown}, … ({len(parts):,} numbers)"


def numbers_table(numbers: Mapping[str, Quantity]) -> Html:
    """All numbers by group, of the first hundred groups."""
    sections: dict[str, list[list[Child]]] = {}
    for path, number in numbers.items():
        group, name = split(path)
        line: list[Child] = [words_of(name), value_of(number), _unit(number.unit)]
        sections.setdefault(group, []).append(line)
    rows: list[list[Child]] = []
    for group, lines in list(sections.items())[:LISTED]:
        rows += [[shortened(group)], *lines] if group else lines
    if len(sections) > LISTED:
        rows.append([f"… {len(sections) - LISTED:,} more groups"])
    return table(["number", "value", "unit"], rows)


def comparison_table(numbers: Mapping[str, Quantity]) -> Html:
    """Real and simulated, with their difference in units of its error."""
    rows: list[list[Child]] = []
    last = ""
    for path, number in numbers.items():
        group, name = split(f"comparison.{path}")
        stem, _, side = name.rpartition(".")
        if side in ("simulated", "difference"):
            continue
        if group != last:
            rows.append([shortened(group)])
            last = group
        if side == "real":
            base = path.removesuffix(".real")
            sides = (number, numbers.get(f"{base}.simulated"), numbers.get(f"{base}.difference"))
            rows += _sides(words_of(stem), sides)
        else:
            rows.append([words_of(name), element("td", value_of(number), colspan=4), _unit(number.unit)])
    return table(["", "real", "simulated", "difference", "in its error", "unit"], rows)


def _sides(name: str, sides: tuple[Quantity | None, ...]) -> list[list[Child]]:
    """Real, simulated and difference of a number; of a list of numbers, one line for each."""
    parts = [[] if side is None else side.parts() for side in sides]
    lists = len({len(each) for each in parts}) == 1 and len(parts[0]) > 1
    lines = [list(line) for line in zip(*parts, strict=True)] if lists else [list(sides)]
    unit = "" if sides[0] is None else _unit(sides[0].unit)
    return [
        [f"{name} {i}" if lists else name, *("–" if each is None else value_of(each) for each in line),
         _in_errors(line[2]), unit]
        for i, line in enumerate(lines, 1)
    ]  # fmt: skip


def _in_errors(difference: Quantity | None) -> Child:
    """A difference over its error."""
    if difference is None or not isinstance(difference.value, int | float) or not difference.error:
        return ""
    return _sigma(float(difference.value) / float(difference.error))  # type: ignore[arg-type]


def _sigma(deviation: float | None) -> Child:
    if deviation is None or not math.isfinite(deviation):
        return "–"
    size = f"{abs(deviation):.1f}"
    shown = size if size == "0.0" else f"{'+' if deviation > 0 else '−'}{size}"
    return element("strong", shown, class_="far") if abs(deviation) >= SURPRISING else shown


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit


def runs_table(lines: Sequence[Line], subjects: Sequence[Subject]) -> Html:
    """Numbers of several runs beside each other, and how far each is from that of the first."""
    rows: list[list[Child]] = []
    last = ""
    for line in lines:
        group, name = split(line.path)
        section = f"{group}, against the real one" if line.path.startswith("comparison.") else group
        if section != last:
            rows.append([shortened(section or "run")])
            last = section
        values = [value_of(value) if value is not None else "–" for value in line.values]
        rows.append([words_of(name), *values, *map(_sigma, line.deviations), _unit(line.unit)])
    labels = [subject.label for subject in subjects]
    head = ["", *labels, *(f"({label} − {labels[0]})/σ" for label in labels[1:]), "unit"]
    return table([*head], rows)


def differences_table(differences: Sequence[tuple[str, tuple[str, ...]]], subjects: Sequence[Subject]) -> Html:
    """Keys in which the scenarios differ."""
    rows: list[list[Child]] = [
        [element("code", key), *(shortened(value) for value in values)] for key, values in differences
    ]
    return table(["key", *(subject.label for subject in subjects)], rows)


def gallery(pictures: Sequence[Picture]) -> Html:
    """The pictures, wide ones in rows of their own."""
    return element("div", *map(_figure, pictures), class_="gallery")


def _figure(picture: Picture) -> Html:
    image = element("img", src=address_of(picture), alt=picture.name, width=picture.width, height=picture.height)
    wide = "wide" if picture.width > _WIDE else None
    return element("figure", image, element("figcaption", picture.name), class_=wide)


def remarks_table(remarks: Sequence[Remark], head: str) -> Html:
    """Remarks with the groups that they are about."""
    rows: list[list[Child]] = [
        [words_of(remark.diagnostic) or "comparison", remark.text, _named(remark.groups)] for remark in remarks
    ]
    if len(rows) > _REMARKS:
        rows = [*rows[:_REMARKS], [f"… {len(rows) - _REMARKS:,} more"]]
    return table(["diagnostic", head, "groups"], rows, class_="prose")


def _named(groups: tuple[str, ...]) -> str:
    shown = ", ".join(shortened(group) for group in groups[:_GROUPS])
    return shown if len(groups) <= _GROUPS else f"{shown} and {len(groups) - _GROUPS:,} more"


def provenance_table(provenance: Mapping[str, str]) -> Html:
    """What is known of the origin."""
    return table(["", "origin"], [[shortened(name), words] for name, words in provenance.items()], class_="prose")


def scenario_text(scenario: str) -> Html:
    """The scenario as it was run."""
    return folded("scenario.yaml, as resolved", element("pre", element("code", text(scenario, keep="\n"))))


def box(lines: Sequence[str]) -> Html | None:
    """What is to be said first."""
    return element("div", joined(*(element("p", line) for line in lines)), class_="caution") if lines else None
