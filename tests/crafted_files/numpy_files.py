"""npy and npz."""

from __future__ import annotations

import io
import sys
import warnings
import zipfile
from collections.abc import Iterator

import numpy as np

from crafted_files.case import DATA, VALUES, Case

_DEEP = "(" * 3000 + ")" * 3000
LYING = {"W": VALUES} if sys.version_info >= (3, 11, 4) else None
"""What comes of a packed size that is too large: earlier releases of zipfile refuse it."""


def npy(
    shape: str = "(2, 3)", descr: str = "'<f4'", order: str = "False", data: bytes = DATA, version: bytes = b"\x01\0",
    header: str | bytes | None = None, length: int | None = None,
) -> bytes:  # fmt: skip
    """An array whose header is as given."""
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}" if header is None else header
    content = text.encode("latin-1") if isinstance(text, str) else text
    size = (len(content) if length is None else length).to_bytes(2 if version == b"\x01\0" else 4, "little")
    return b"\x93NUMPY" + version + size + content + data


def archive(*members: tuple[str, bytes], pack: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of some files."""
    with io.BytesIO() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        with zipfile.ZipFile(file, "w", pack) as found:
            for name, content in members:
                found.writestr(zipfile.ZipInfo(name), content, pack)
        return file.getvalue()


def changed(data: bytes, at: int, value: bytes) -> bytes:
    """Other bytes at a place."""
    return data[:at] + value + data[at + len(value) :]


def cases() -> Iterator[Case]:
    sound = {"": VALUES}
    for name, content in (
        ("plain", npy()),
        ("version 2", npy(version=b"\x02\0")),
        ("version 3", npy(version=b"\x03\0")),
        ("keys in another order", npy(header="{'shape': (2, 3), 'descr': '<f4', 'fortran_order': False}")),
        ("by columns", npy(order="True", data=VALUES.T.tobytes())),
        ("a shape with long integers", npy("(2L, 3L)")),
    ):
        yield Case(name, content, "a.npy", sound)
    yield Case("of another byte order", npy(descr="'>f4'", data=VALUES.astype(">f4").tobytes()), "a.npy", sound)
    yield Case("float64", npy(descr="'<f8'", data=VALUES.astype("f8").tobytes()), "a.npy", {"": VALUES.astype("f8")})
    yield Case("a single number", npy("()", data=DATA[4:8]), "a.npy", {"": VALUES[0, 1]})
    yield Case("empty", npy("(0, 3)", data=b""), "a.npy", {"": VALUES[:0]})
    yield Case("empty, and huge", npy("(0, 10**18)".replace("10**18", str(10**18)), data=b""), "a.npy",
               {"": np.empty((0, 10**18), np.float32)})  # fmt: skip
    yield Case("bfloat16 of JAX", npy("(2, 6)", "'|V2'"), "a.npy", {"": VALUES.view(np.uint16)})
    yield Case("bfloat16 of ml_dtypes", npy("(2, 6)", "'<V2'"), "a.npy", {"": VALUES.view(np.uint16)})
    yield Case("text", npy("(6,)", "'<U1'"), "a.npy", {"": VALUES.ravel()})
    yield Case("integers", npy(descr="'<i4'"), "a.npy", {"": VALUES.view(np.int32)})
    for shape in (
        *(
            "(1000000000000,)",
            "(3, 3)",
            "(1,)",
            "(-2, -3)",
            "(-1, 6)",
            "(2.0, 3)",
            "('2', 3)",
            "(True, 6)",
            "6",
            "None",
        ),
        *("[2, 3]", f"({2**70}, 1)", f"({2**62}, 4)", f"({', '.join(['1'] * 70)}, 6)", "((2, 3),)", "{}", "(2, 3, 4)"),
        f"({','.join(['9' * 90] * 90)})",
    ):
        yield Case(f"shape {shape[:40]}", npy(shape), "a.npy")
    for descr in (
        *(
            "'O'",
            "'|O'",
            "[('a', '<f4')]",
            "('<f4', (2,))",
            "'V1000000000000'",
            "'<U1000000000000'",
            "'<f3'",
            "'x'",
            "''",
        ),
        *("None", "4", "{}", "'<f4' * 10**9", "'<f4,<f4'", "[('a', 'O')]", "('<f4', (1000000, 1000000))", "'<M8[s]'"),
    ):
        yield Case(f"descr {descr}", npy(descr=descr), "a.npy")
    for name, content in (
        ("complex", npy("(3,)", "'<c16'", data=bytes(48))),
        ("of 16 bytes", npy("(3,)", "'<f16'", data=bytes(48))),
        ("cut short", npy(data=DATA[:-1])),
        ("with more", npy(data=DATA + b"x")),
        ("two in one file", npy() + npy()),
        ("version 9", npy(version=b"\x09\x09")),
        ("version 0", npy(version=b"\0\0")),
        ("a header beyond the file", npy(length=65_000)),
        ("a header of 4 GB", npy(version=b"\x02\0", length=2**32 - 1)),
        ("a short header", npy(length=10)),
        ("no dictionary", npy(header="[1]")),
        ("an unknown key", npy(header="{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}")),
        ("a missing key", npy(header="{'descr': '<f4', 'shape': (2, 3)}")),
        ("code", npy(header="__import__('os').mkdir('x')")),
        ("nested", npy(header=_DEEP)),
        ("nested shape", npy(_DEEP)),
        ("a long header", npy(header=" " * 20_000)),
        ("zeros in the header", npy(header="\0" * 40)),
        ("no UTF-8", npy(header=b"{'descr': '\xff'}", version=b"\x03\0")),
        ("order text", npy(order="'yes'")),
        ("only the beginning", b"\x93NUMPY"),
        ("no version", b"\x93NUMPY\x01"),
    ):
        yield Case(name, content, "a.npy")
    yield from _archives()


def _archives() -> Iterator[Case]:
    sound, packed = archive(("W.npy", npy())), archive(("W.npy", npy()), pack=zipfile.ZIP_DEFLATED)
    two = {"W": VALUES, "loss": VALUES}
    for name, content, expected in (
        ("npz", sound, {"W": VALUES}),
        ("packed npz", packed, {"W": VALUES}),
        ("packed by lzma", archive(("W.npy", npy()), pack=zipfile.ZIP_LZMA), {"W": VALUES}),
        ("packed by bzip2", archive(("W.npy", npy()), pack=zipfile.ZIP_BZIP2), {"W": VALUES}),
        ("with other files", archive(("W.npy", npy()), ("x.txt", b"x"), ("loss.npy", npy())), two),
        ("a name that leads elsewhere", archive(("../../W.npy", npy())), {"../../W": VALUES}),
        ("a name of controls", archive(("\x1b[31m\u202e.npy", npy())), {"\x1b[31m\u202e": VALUES}),
        ("by columns, packed", archive(("W.npy", npy(order="True", data=VALUES.T.tobytes())), pack=8), {"W": VALUES}),
        ("a lying packed size", changed(packed, packed.index(b"PK\x01\x02") + 20, b"\xfe\xff\xff\xff"), LYING),
    ):
        yield Case(f"npz: {name}", content, "a.npz", expected)
    claims = npy("(1000000000000,)", data=b"")
    start = packed.index(b"PK\x01\x02")

    bomb = archive(("W.npy", npy("(250000000,)", data=b"")), pack=zipfile.ZIP_DEFLATED)
    for name, content in (
        ("no arrays", archive(("x.txt", b"x"))),
        ("an empty archive", archive()),
        ("a name twice", archive(("W.npy", npy()), ("W.npy", npy(data=bytes(24))))),
        ("an array that claims 4 TB", archive(("W.npy", claims))),
        ("an array that claims 4 TB, packed", archive(("W.npy", claims), pack=zipfile.ZIP_DEFLATED)),
        ("an array that claims 1 GB, packed", bomb),
        ("an array with more", archive(("W.npy", npy(data=DATA + b"x")))),
        ("objects", archive(("W.npy", npy(descr="'O'")))),
        ("no array", archive(("W.npy", b"x" * 100))),
        ("cut short", sound[: len(sound) // 2]),
        ("cut at the end", sound[:-10]),
        ("bytes before", b"x" * 100 + sound),
        ("two archives", sound + packed),
        ("other data", sound.replace(DATA, bytes(24))),
        ("a lying size", changed(packed, start + 24, (2**32 - 2).to_bytes(4, "little"))),
        ("an unknown method", changed(changed(packed, start + 10, b"\x63\0"), 8, b"\x63\0")),
        ("with a password", changed(changed(packed, start + 8, b"\x01\0"), 6, b"\x01\0")),
        ("a place beyond the file", changed(packed, start + 42, (2**32 - 2).to_bytes(4, "little"))),
        ("another name inside", sound.replace(b"W.npy", b"V.npy", 1)),
        ("only the end", b"PK\x05\x06" + bytes(18)),
        ("only the beginning", b"PK\x03\x04"),
        ("nothing but letters", b"PK" + b"x" * 1000),
    ):
        yield Case(f"npz: {name}", content, "a.npz")
