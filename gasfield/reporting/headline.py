"""The numbers that answer: those that the user names, or the first of each kind with an error."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from gasfield.errors import InputError
from gasfield.printable import listed
from gasfield.quantity import NEGLIGIBLE, Quantity
from gasfield.reporting.subject import Subject

_MOST = 12
"""Of the headline."""
_SIDES = (".real", ".simulated")


def headline(subject: Subject, keys: Sequence[str] | None = None) -> dict[str, Quantity]:
    """The headline numbers of a run, by path.

    Args:
        subject: the run.
        keys: paths: `groups.dead.radius.end`, `gas.pressure`, `comparison.displacement_error`. Where none are given:
            the errors and differences over all rows of a comparison; without one the headline of the run; without that,
            of every group the first number with an error under each name (`radius.start` of `radius`).

    Raises:
        InputError: if there is no such number.
    """
    everything = subject.everything
    if keys is not None:
        for key in keys:
            if key not in everything:
                near = get_close_matches(key, everything, 4, 0.3)
                message = f"{subject.label}: no such number" + (f"; there is {listed(near)}." if near else ".")
                raise InputError(message, parameter="headline", value=key)
        return {key: everything[key] for key in keys}
    compared = {f"comparison.{path}": number for path, number in subject.comparison.items()}
    chosen = [
        path for path, number in compared.items()
        if not path.startswith("comparison.groups.") and not path.endswith(_SIDES) and _has_error(number)
    ] or _telling(subject) or _first_of_each(subject)  # fmt: skip
    return {path: everything[path] for path in chosen[:_MOST]}


def _telling(subject: Subject) -> list[str]:
    """The headline of the run: each key in every group."""
    found: dict[str, list[str]] = {}
    for path, number in subject.numbers.items():
        section, name = split(path)
        if section and number.value is not None:
            found.setdefault(name, []).append(path)
    return [path for key in subject.telling for path in found.get(key, [])]


def _first_of_each(subject: Subject) -> list[str]:
    """Of every group the first numbers of each name, the same number for every group."""
    kinds: dict[str, dict[str, str]] = {}
    for path, number in subject.numbers.items():
        section, name = split(path)
        if section and _has_error(number):
            kinds.setdefault(section, {}).setdefault(name.partition(".")[0], path)
    share = max(1, _MOST // max(1, len(kinds)))
    return [path for each in kinds.values() for path in list(each.values())[:share]]


def split(path: str) -> tuple[str, str]:
    """The group of a number and its name in it; "" for what belongs to no group. Names of groups in files of others
    may have points in them: they are shown as they are cut here."""
    for prefix in ("comparison.groups.", "groups."):
        if path.startswith(prefix):
            group, _, name = path.removeprefix(prefix).partition(".")
            return group, name
    if path.startswith("gas."):
        return "gas as a whole", path.removeprefix("gas.")
    return ("all rows", path.removeprefix("comparison.")) if path.startswith("comparison.") else ("", path)


def _has_error(number: Quantity) -> bool:
    value, error = number.value, number.error
    return isinstance(value, int | float) and isinstance(error, int | float) and error > NEGLIGIBLE * abs(value)
