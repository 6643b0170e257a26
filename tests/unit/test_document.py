"""YAML that remembers where its keys stand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gasfield.errors import InputError
from gasfield.scenario.document import Document

Read = Callable[..., Document]
TEXT = """\
title: a
rate: 1e-3
list:
  - {name: x, deep: {value: 1}}
  - {name: y}
"""


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def of(text: str = TEXT, *overrides: str) -> Document:
        path = tmp_path / "d.yaml"
        path.write_text(text)
        return Document(path, overrides)

    return of


def test_every_key_knows_its_line(read: Read) -> None:
    document = read()
    places = {(): 1, ("title",): 1, ("rate",): 2, ("list",): 3, ("list", 0): 4, ("list", 1, "name"): 5}
    for place, line in places.items():
        assert document.origin(place).endswith(f"d.yaml:{line}")
    assert document.origin(("list", 1, "absent", "deeper")).endswith(":5")  # the nearest place that is known
    assert document.find("y") == ("list", 1, "name")


def test_numbers_are_those_of_yaml_1_2(read: Read) -> None:
    assert read().data["rate"] == 1e-3


def test_overrides_change_what_they_name(read: Read) -> None:
    document = read(TEXT, "list.0.deep.value=[1, 2]", "title={b: c}", "list.1.new=3e-4")
    assert document.data["list"] == [{"name": "x", "deep": {"value": [1, 2]}}, {"name": "y", "new": 3e-4}]
    assert document.data["title"] == {"b": "c"}
    assert document.origin(("list", 1, "new")) == "--set list.1.new=3e-4"


@pytest.mark.parametrize("override", ["title", "=1", "title.x=1", "list.2=1", "list.2.name=1", "list.x=1", "title={"])
def test_overrides_that_fit_nowhere_are_refused(read: Read, override: str) -> None:
    with pytest.raises(InputError) as refused:
        read(TEXT, override)
    assert (refused.value.parameter, refused.value.value) == ("overrides", override)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [", "d.yaml:2: not YAML"),
        ("a: 1\na: 2\n", "d.yaml:2: a: duplicate key"),
        ("a: !!python/object:os.system x\n", "d.yaml:1: not YAML"),
        ("", "the file is empty"),
        ("a: &x 1\nb: *x\n", "d.yaml:2: not YAML: aliases"),
        ("a: &x [*x]\n", "d.yaml:1: not YAML: aliases"),
        ("? [a]\n: 1\n", "d.yaml:1: a key must be a word"),
        ("a: 2026-99-99\n", "not YAML"),
        ("a: \0\n", "not YAML"),
        ("[" * 5000, "nested too deeply|not YAML"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(read: Read, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(text)
