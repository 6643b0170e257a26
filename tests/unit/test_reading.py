"""Text, lines and JSON from outside: data, or one error that says where and quotes nothing."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import numpy as np
import pytest

from gasfield import memory, reading
from gasfield.errors import InputError
from gasfield.inspection.counts import read_counts
from gasfield.language.folder import end_tokens
from gasfield.language.prompts import _texts_of
from gasfield.reading import object_of, parse_json, read_json, read_lines, read_text, stream_lines, whole
from gasfield.runs.manifest import Manifest
from gasfield.tracers.shapes.points import _read as read_points

BROKEN = {
    "deep": b"[" * 100_000,
    "digits": b"[" + b"1" * 5000 + b"]",
    "bytes": b'{"a": "\xff"}',
    "cut": b'{"plugh": 1,',
    "empty": b"",
    "words": b"xyzzy:x:0:0",
    "nul": b"\0" * 20,
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_json_is_one_fault_everywhere(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(BROKEN[name])
    for read in (read_json, read_counts, _texts_of):
        with pytest.raises(InputError) as refused:
            read(path)
        text = str(refused.value)
        assert "a.json" in text
        assert "\n" not in text
        text = text.replace(str(tmp_path), "")
        assert not any(word in text for word in ("xyzzy", "plugh"))
    (tmp_path / "run.json").write_bytes(BROKEN[name])
    assert Manifest.read(tmp_path) is None
    assert object_of(BROKEN[name]) == {}


def test_json_of_others_is_read() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": [1, NaN, Infinity, 1e400]}', "a")["a"][3] == float("inf")
    assert [whole(value) for value in (3, 3.0, 2.5, float("inf"), float("nan"), 2**63, True, "3", None)] == [
        3, 3, None, None, None, None, None, None, None,
    ]  # fmt: skip
    assert object_of(None) == object_of(3) == object_of("[1]") == {}


def test_end_tokens_are_integers_or_none(tmp_path: Path) -> None:
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [1e400, "x", 7, null, 3.0]}')
    assert end_tokens(tmp_path, {}) == (7, 3)


@pytest.mark.parametrize(
    "change",
    [{"files": 3}, {"files": {"a": 1}}, {"scenario_sha256": [1]}, {"seconds": "long"}, {"plugins": None}, {"data": []}],
)
def test_a_damaged_manifest_is_refused(change: dict, tmp_path: Path) -> None:
    Manifest("0" * 64, pictures=("a.png", "../b.png")).write(tmp_path)
    assert Manifest.read(tmp_path).pictures == ("a.png",)
    stored = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(stored | change))
    with pytest.raises(InputError, match="is damaged"):
        Manifest.read(tmp_path)


def test_lines_end_where_lines_end(tmp_path: Path) -> None:
    """Not at U+2028, U+0085 and form feeds, which are characters of a token; a byte order mark is none."""
    lines = ["a\u2028b", "c\x85d", "e\x0cf", "", "g"]
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\n")
    assert read_lines(tmp_path / "a.txt") == lines
    (tmp_path / "b.txt").write_bytes("\n".join(lines).encode())
    assert read_lines(tmp_path / "b.txt") == lines
    assert _texts_of(tmp_path / "a.txt") == [("", line) for line in lines if line]


@pytest.mark.parametrize("ending", [".gz", ".xz"])
def test_a_packed_file_is_measured_while_it_is_unpacked(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = gzip.compress if ending == ".gz" else lzma.compress
    path = tmp_path / f"a.txt{ending}"
    path.write_bytes(pack(b"one\ntwo\n"))
    assert read_text(path) == "one\ntwo\n"
    assert list(stream_lines(path)) == ["one\n", "two\n"]
    monkeypatch.setattr(memory, "free_memory", lambda: 1_000_000)
    monkeypatch.setattr(reading, "free_memory", lambda: 1_000_000)
    path.write_bytes(pack(b"x" * 3_000_000))
    for read in (read_text, lambda path: list(stream_lines(path))):
        with pytest.raises(InputError, match="memory"):
            read(path)
    good = path.read_bytes()
    for damaged in (good[:40], good[:30] + b"\xff" * 20 + good[50:], b"not packed"):
        path.write_bytes(damaged)
        for read in (read_text, lambda path: list(stream_lines(path))):
            with pytest.raises(InputError, match=r"a\.txt"):
                read(path)


@pytest.mark.parametrize(
    "content", ["xyzzy:x:0:0\n", "1 2\n3 plugh\n", "1 2\n3\n", "1_0 2\n3 4\n", "", "# 1 2\n", "1 nan\n2 3\n"]
)
def test_a_file_that_has_no_points_is_not_quoted(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(InputError) as refused:
        read_points(tmp_path / "a.txt")
    said = str(refused.value).replace(str(tmp_path), "")
    assert not any(word in said for word in ("xyzzy", "plugh", "nan", "1_0"))


def test_points_are_read_as_before(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("# two points\n1, 2.5e0\n\n-3 4 # the second\n")
    np.testing.assert_array_equal(read_points(tmp_path / "a.txt"), [[1.0, 2.5], [-3.0, 4.0]])


def test_counts_of_an_array_that_claims_too_much(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(4, dtype=np.int16))
    assert read_counts(tmp_path / "a.npy").tolist() == [0, 1, 2, 3]
    with (tmp_path / "b.npy").open("wb") as file:
        header = {"descr": "<i8", "fortran_order": False, "shape": (10**12,)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(64))
    with pytest.raises(InputError, match=r"b\.npy"):
        read_counts(tmp_path / "b.npy")
