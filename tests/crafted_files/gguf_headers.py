"""GGUF."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from crafted_files.case import DATA, VALUES, Case

_TEXT, _LIST, _U8, _U32 = 8, 9, 0, 4


def text(value: bytes, length: int | None = None) -> bytes:
    """A text, or one that claims another length."""
    return struct.pack("<Q", len(value) if length is None else length) + value


def value(kind: int, content: bytes, name: bytes = b"x") -> bytes:
    """A named value of the header."""
    return text(name) + struct.pack("<I", kind) + content


def tensor(
    name: bytes = b"W", shape: Sequence[int] = (3, 2), kind: int = 0, offset: int = 0, length: int | None = None
) -> bytes:
    """An entry of a tensor: the first axis is the fastest."""
    return text(name, length) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def gguf(
    tensors: Sequence[bytes] = (tensor(),), values: Sequence[bytes] = (), data: bytes = DATA, version: int = 3,
    count: int | None = None, keys: int | None = None, alignment: int = 32,
) -> bytes:  # fmt: skip
    """A file with these parts, or one that claims other numbers of them."""
    counts = struct.pack(
        "<IQQ", version, len(tensors) if count is None else count, len(values) if keys is None else keys
    )
    head = b"GGUF" + counts + b"".join(values) + b"".join(tensors)
    return head + bytes(-len(head) % alignment) + data


def cases() -> Iterator[Case]:
    sound = {"W": VALUES}
    lists = value(_LIST, struct.pack("<IQ", _TEXT, 2) + text(b"a") + text(b"b"), b"tokenizer.ggml.tokens")
    numbers = value(_LIST, struct.pack("<IQ", _U32, 3) + bytes(12))
    nested = value(_LIST, struct.pack("<IQIQ", _LIST, 1, _U8, 2) + b"ab")
    every = [
        value(kind, bytes(size))
        for kind, size in {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 12: 8}.items()
    ]
    aligned = value(_U32, struct.pack("<I", 64), b"general.alignment")
    for name, content in (
        ("plain", gguf()),
        ("version 2", gguf(version=2)),
        ("with values", gguf(values=[lists, numbers, nested, *every, value(_TEXT, text(b"y"))])),
        ("aligned to 64", gguf(values=[aligned], alignment=64)),
        ("with bytes behind", gguf(data=DATA + bytes(100))),
    ):
        yield Case(name, content, "a.gguf", sound)
    yield Case("two tensors", gguf([tensor(), tensor(b"V", (6,), offset=32)], data=DATA + bytes(8) + DATA), "a.gguf",
               {"W": VALUES, "V": VALUES.ravel()})  # fmt: skip
    yield Case("bfloat16", gguf([tensor(shape=(6, 2), kind=30)]), "a.gguf", {"W": VALUES.view("u2")})
    yield Case("no tensors", gguf([], data=b""), "a.gguf", {})
    yield Case("a single number", gguf([tensor(shape=())]), "a.gguf", {"W": VALUES[0, 0]})
    yield Case("an axis of no length", gguf([tensor(shape=(0, 2))]), "a.gguf", {"W": VALUES[:, :0]})
    huge = struct.pack("<Q", 2**62)
    for name, content in (
        ("version 1", gguf(version=1)),
        ("version 9", gguf(version=9)),
        ("of the other byte order", gguf(version=3 << 24)),
        ("2^63 tensors", gguf(count=2**63)),
        ("a million tensors", gguf(count=10**6)),
        ("2^63 values", gguf(keys=2**63)),
        ("one value more", gguf(keys=1)),
        ("a text of 2^62 bytes", gguf(values=[value(_TEXT, huge)])),
        ("a name of 2^62 bytes", gguf(values=[huge])),
        ("a list of 2^62 numbers", gguf(values=[value(_LIST, struct.pack("<I", _U8) + huge)])),
        ("a list of 2^62 texts", gguf(values=[value(_LIST, struct.pack("<I", _TEXT) + huge)])),
        ("a list of 2^62 lists", gguf(values=[value(_LIST, struct.pack("<I", _LIST) + huge)])),
        ("lists 100 deep", gguf(values=[value(_LIST, struct.pack("<IQ", _LIST, 1) * 100)])),
        ("a value of an unknown type", gguf(values=[value(99, b"")])),
        ("a list of an unknown type", gguf(values=[value(_LIST, struct.pack("<IQ", 99, 1))])),
        ("alignment 0", gguf(values=[value(_U32, bytes(4), b"general.alignment")])),
        ("alignment 3", gguf(values=[value(_U32, struct.pack("<I", 3), b"general.alignment")])),
        ("alignment as text", gguf(values=[value(_TEXT, text(b"32"), b"general.alignment")])),
        ("a tensor of 5 axes", gguf([tensor(shape=(1, 1, 1, 3, 2))])),
        ("a tensor of 2^31 axes", gguf([text(b"W") + struct.pack("<I", 2**31)])),
        ("an axis of 2^63", gguf([tensor(shape=(2**63, 2))])),
        ("axes that overflow", gguf([tensor(shape=(2**40, 2**40, 2**40))])),
        ("more than there is", gguf([tensor(shape=(3, 3))])),
        ("beyond the file", gguf([tensor(offset=2**40)])),
        ("just beyond the file", gguf([tensor(offset=4)])),
        ("an unknown type of tensor", gguf([tensor(kind=10**6)])),
        ("a name that is no UTF-8", gguf([tensor(name=b"\xff")])),
        ("a name that claims more", gguf([tensor(length=2**40)])),
        ("a name of 100,000 bytes", gguf([tensor(name=b"x" * 100_000)])),
        ("the same name twice", gguf([tensor(), tensor()])),
        ("blocks that do not fit", gguf([tensor(kind=8)])),
        ("cut short", gguf(data=DATA[:-1])),
        ("cut in the header", gguf()[:40]),
        ("cut in the counts", gguf()[:10]),
        ("only the beginning", b"GGUF"),
    ):
        yield Case(name, content, "a.gguf")
