"""YAML that remembers where its keys stand."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml as pyyaml

from gasfield.errors import InputError
from gasfield.scenario.document import Document
from gasfield.scenario.yaml_1_2 import write

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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), ("+5", 5), ("-0", 0), ("0o17", 15), ("0x1F", 31),
        ("true", True), ("FALSE", False), ("~", None), ("null", None), ("", None), ("-.inf", -math.inf),
        ("yes", "yes"), ("No", "No"), ("on", "on"), ("010", "010"), ("1_000", "1_000"), ("1:40", "1:40"),
        ("0b101", "0b101"), ("2026-01-01", "2026-01-01"), ("\"100\"", "100"), ("'true'", "true"), ("inf", "inf"),
        ("1.e", "1.e"), ("²", "²"), ("=", "="),
    ],
)  # fmt: skip
def test_plain_words_are_those_of_the_core_schema(read: Read, text: str, value: object) -> None:
    """YAML 1.2.2, chapter 10.3.2; a key is text whatever it looks like."""
    for found in (read(f"no: {text}\n").data["no"], read(TEXT, f"title={text}").data["title"]):
        assert (type(found), found) == (type(value), value)


def test_what_is_written_is_read_again(read: Read) -> None:
    """Text that YAML 1.1 or 1.2 would read as something else is quoted."""
    words = ["1e3", "no", "0o10", "010", "null", "", "1:40", "=", "<<", ".5", "2026-01-01", "a\nb", "é\u2028", "y"]
    data = {word or "empty": word for word in words} | {"n": [1e-5, 1e16, -0.0, 7, True, None]}
    assert read(write(data)).data == data
    assert pyyaml.safe_load(write(data)) == data  # the reader of YAML 1.1 agrees


def test_overrides_change_what_they_name(read: Read) -> None:
    document = read(TEXT, "list.0.deep.value=[1, 2]", "title={b: c}", "list.1.new=3e-4")
    assert document.data["list"] == [{"name": "x", "deep": {"value": [1, 2]}}, {"name": "y", "new": 3e-4}]
    assert document.data["title"] == {"b": "c"}
    assert document.origin(("list", 1, "new")) == "--set list.1.new=3e-4"


@pytest.mark.parametrize(
    "override",
    ["title", "=1", "title.x=1", "list.2=1", "list.2.name=1", "list.x=1", "title={", "list.².name=x", "list.00.name=x",
     "list.-1.name=x", "list..name=x", "title={a: 5, a: 6}", "title=!!int ''", "title=*a", "title=1e400",
     "title=" + "[" * 5000],
)  # fmt: skip
def test_overrides_that_fit_nowhere_are_refused(read: Read, override: str) -> None:
    with pytest.raises(InputError) as refused:
        read(TEXT, override)
    assert (refused.value.parameter, refused.value.value) == ("overrides", override[:200])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [", "d.yaml:2: not YAML"),
        ("a: 1\na: 2\n", "d.yaml:2: a: duplicate key"),
        ("", "the file is empty"),
        ("? [a]\n: 1\n", "d.yaml:1: a key must be a word"),
        ("[" * 5000, "d.yaml:1: nested too deeply"),
        ("b: 1\na: &x 1\n", "d.yaml:2: a: anchors"),
        ("a: *x\n", "d.yaml:1: a: aliases"),
        ("a: {<<: {b: 1}}\n", "d.yaml:1: a: merge keys"),
        ("a: !!int ''\n", "d.yaml:1: a: tags \\(!!int\\)"),
        ("a: !!timestamp x\n", "d.yaml:1: a: tags"),
        ("a: !!python/object:os.system x\n", "d.yaml:1: a: tags"),
        ("b: 1\na: \0\n", "d.yaml:2: not YAML: the character U\\+0000"),
        ('a: "\\ud800"\n', "d.yaml:1: a: the character U\\+D800"),
        ('a: "\\0"\n', "d.yaml:1: a: the character U\\+0000"),
        ("a: 1\n---\na: 2\n", "d.yaml:2: the file has several documents"),
        ("%YAML 1.1\n---\na: 2\n", "%YAML 1.1 is another version"),
        ("a: 1e400\n", "d.yaml:1: a: 1e400 is out of the range"),
        ("a: 1e-400\n", "d.yaml:1: a: 1e-400 is out of the range"),
        ("a: " + "9" * 5000 + "\n", "d.yaml:1: a: a number of 5000 digits"),
        ("a: " + "x" * 4_000_000, "at most 4 MB"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(read: Read, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        read(text)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300
