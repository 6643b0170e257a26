"""Names from outside become text that a terminal does not obey, and files that stay in their folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gasfield.cli.output import put_file
from gasfield.errors import InputError, Note
from gasfield.names import NAME, component, file_name, inside, picture_name, require_name
from gasfield.printable import PLAIN, listed, printable, shortened

HOSTILE = (
    "[/b]", "$\\frac", "\x1b[31mred", "\u202edrawer", "../../evil", "/etc/evil", "a/b", "a\\b", "", ".", "..",
    "_hidden",
    "\0", "\ud800", "\n", "con", "NUL", "nul.txt", "COM1", "a b", "a%20b", "%", "%con", "Ж", "x" * 300, "x" * 301, "~",
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_the_name_of_a_file_is_one_safe_component(name: str, tmp_path: Path) -> None:
    safe = file_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_%~-]{1,160}", safe)
    assert not re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)", safe, re.I)
    path = inside(tmp_path, picture_name(name))
    path.write_bytes(b"")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_different_names_are_different_files_and_usual_ones_their_own() -> None:
    assert len({file_name(name) for name in HOSTILE}) == len(HOSTILE)
    assert len({component(name) for name in HOSTILE}) == len(HOSTILE)
    assert picture_name("dead-cloud") == "dead-cloud.png"
    assert component("water molecules") == "water molecules"


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "a/b.png", "a\\b.png", "", ".", "..", "a\0"])
def test_a_picture_outside_of_its_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no name of a file in this folder"):
        inside(tmp_path, name)


@pytest.mark.parametrize("name", ["", "1a", "a b", "../a", "a\n", "Ж", "a" * 101])
def test_a_group_is_not_given_such_a_name(name: str) -> None:
    assert not re.fullmatch(NAME, name)
    with pytest.raises(InputError, match="up to 100 letters"):
        require_name(name)
    assert require_name("a" * 100) == "a" * 100


def test_text_is_printable_and_of_bounded_length() -> None:
    assert printable("a\x1b[0m\u202e\ud800\0\x85") == r"a\x1b[0m\u202e\ud800\x00\x85"
    assert printable("a\n\tb\r", keep="\n\t") == "a\n\tb\\r"
    for text in ("x" * 101, "x" * 10**6, "\x1b" * 60, "x" * 99 + "\x1b"):
        assert len(shortened(text)) == 100
        assert shortened(text).isprintable()
    assert shortened("x" * 100) == "x" * 100
    assert listed([f"g{i}" for i in range(1000)], 3) == "g0, g1, g2 and 997 more"


def test_errors_and_notes_quote_names_as_printable_text() -> None:
    error = InputError("no group '\x1b[2J'.", parameter="\u202e", value="\x07", location="\x1b:1")
    for text in (str(error), error.message, str(error.at(("gas", 0))), str(Note("\x1b[2J"))):
        assert text.isprintable()


def test_streams_of_any_encoding_take_all_characters() -> None:
    text = "±1 – 2 … \u202e é 漢 \ud800"
    assert text.encode("ascii", PLAIN) == rb"+-1 - 2 ... \u202e \xe9 \u6f22 \ud800"
    assert text.encode("latin-1", PLAIN) == b"\xb11 - 2 ... \\u202e \xe9 \\u6f22 \\ud800"
    assert text.encode("utf-8", PLAIN).decode() == text.replace("\ud800", r"\ud800")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (2345, "2.35 kB"), (999_400, "999 kB"), (999_600, "1 MB"), (45_678_901, "45.7 MB")],
)
def test_the_size_of_a_written_file_is_in_a_fitting_unit(
    size: int, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "a.mp4").open("wb") as file:
        file.truncate(size)
    put_file(tmp_path / "a.mp4")
    assert capsys.readouterr().out == f"{tmp_path / 'a.mp4'}: {text}\n"
