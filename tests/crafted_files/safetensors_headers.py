"""safetensors. The reference library says what is sound: the tests ask it, so that no case has an expectation."""

from __future__ import annotations

from collections.abc import Iterator

_ENTRY = '{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}'
_SHAPE, _OFFSETS = "[2,3]", "[0,24]"


def file(header: str | bytes, data: bytes = bytes(range(24)), length: int | None = None) -> bytes:
    """A file with a header, whose length is stated or claimed."""
    text = header.encode("utf-8", "surrogatepass") if isinstance(header, str) else header
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def _entry(shape: str = _SHAPE, offsets: str = _OFFSETS, kind: str = '"F32"', more: str = "") -> str:
    return f'{{"a":{{"dtype":{kind},"shape":{shape},"data_offsets":{offsets}{more}}}}}'


def _two(first: tuple[int, int], second: tuple[int, int]) -> str:
    entries = [
        f'"{name}":{{"dtype":"U8","shape":[{max(stop - start, 0)}],"data_offsets":[{start},{stop}]}}'
        for name, (start, stop) in (("a", first), ("b", second))
    ]
    return f"{{{','.join(entries)}}}"


_KINDS = (
    *("BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"),
    *("I16", "U16", "F16", "BF16", "I32", "U32", "F32", "C64", "F64", "I64", "U64", "C128", "U4", "I4", "f32", ""),
)
_EXTRAS = {
    "of lists": '[1,{"b":null}]', "NaN": "NaN", "beyond float64": "1e400", "-Infinity": "-Infinity",
    "of 400 digits": "9" * 400, "of 5,000 digits": "9" * 5000, "of 25 digits": "9" * 25, "half a pair": '"\\ud800"',
    "a pair": '"\\ud83d\\ude00"', "100 deep": "[" * 100 + "]" * 100, "125 deep": "[" * 125 + "]" * 125,
    "125 deep with a number": "[" * 125 + "1" + "]" * 125, "126 deep": "[" * 126 + "]" * 126,
    "5,000 deep": "[" * 5000 + "]" * 5000, "125 objects deep": '{"a":' * 125 + "1" + "}" * 125,
}  # fmt: skip


def cases() -> Iterator[tuple[str, bytes]]:
    """Name and content of each file."""
    for before, after in (("", ""), (" \n", ""), ("", " \t\r\n"), ("", "\0"), ("\ufeff", ""), ("", "x"), ("", "{}")):
        yield f"with {before!r} before and {after!r} after", file(f"{before}{_entry()}{after}")
    for name in ("", "\\u0000", "\\u0061", "a/b", "a\tb", "\x7f", "\\ud800", "\ud800", "\\x", "\\ude00\\ud83d", "ä"):
        yield f"named {name!r}", file(f'{{"{name}":{_ENTRY}}}')
    yield "a key twice", file(f'{{"a":{_ENTRY},"a":{_ENTRY}}}')
    yield (
        "a key twice, with less first",
        file(f'{{"a":{_ENTRY.replace("24", "12").replace("2,", "1,")},"a":{_ENTRY}}}'),
    )
    yield "a key twice, with less last", file(f'{{"a":{_ENTRY},"a":{_ENTRY.replace("24", "12").replace("2,", "1,")}}}')
    yield "a key twice, the first unsound", file(f'{{"a":{_ENTRY.replace("F32", "x")},"a":{_ENTRY}}}')
    yield "metadata with a key twice, the first unsound", file(f'{{"__metadata__":{{"x":1,"x":"2"}},"a":{_ENTRY}}}')
    yield "a field twice", file(_entry(more=',"dtype":"F32"'))
    yield "another field twice", file(_entry(more=',"x":1,"x":2'))
    for text in ("{}", "null", "[]", '{"x":1}', '{"x":"1","x":"2"}', '{"x":null}', '"x"', '{"format":"pt"}'):
        yield f"metadata {text}", file(f'{{"__metadata__":{text},"a":{_ENTRY}}}')
    yield "metadata twice", file(f'{{"__metadata__":{{}},"a":{_ENTRY},"__metadata__":{{}}}}')
    for name, text in _EXTRAS.items():
        yield f"another field, {name}", file(_entry(more=f',"x":{text}'))
    for shape in (
        *(
            "[2.0,3]",
            '["2",3]',
            "[true,6]",
            "[-2,-3]",
            "[2e0,3]",
            "[02,3]",
            "null",
            "6",
            "[[2,3]]",
            "[6]",
            "[6,1]",
            "[]",
        ),
        *("[2,4]", "[2,2]", "[0]", "[18446744073709551616]", "[4294967296,4294967296]", "{}", "[2,3,null]", "[-0,6]"),
        f"[{','.join(['1'] * 70)},6]",
    ):
        yield f"shape {shape[:60]}", file(_entry(shape=shape))
    for shape in ("[4294967296,4294967296,0]", "[0,4294967296,4294967296,4294967296]", "[0]", "[18446744073709551615]"):
        yield f"nothing, shape {shape}", file(_entry(shape, "[0,0]"), b"")
    for offsets in (
        "[0,24,1]",
        "[0]",
        "[-0,24]",
        "[24,0]",
        "[0,25]",
        "[1,25]",
        '["0",24]',
        "[0.0,24]",
        "[0,1e400]",
        "24",
    ):
        yield f"offsets {offsets}", file(_entry(offsets=offsets))
    yield "offsets beyond the file", file(_entry("[1000000000000]", "[0,4000000000000]"))
    for kind in _KINDS:
        for count in (24, 12, 6, 3, 48, 32, 47):
            yield f"{count} of {kind}", file(_entry(f"[{count}]", kind=f'"{kind}"'))
    for kind in ('{"F32":null}', '{"F32":{}}', '{"F32":null,"F16":null}', "null", "1", "{}"):
        yield f"dtype {kind}", file(_entry(kind=kind))
    for first, second in (
        ((0, 10), (14, 24)), ((0, 14), (10, 24)), ((0, 24), (10, 10)), ((0, 24), (24, 24)), ((0, 24), (0, 0)),
        ((24, 14), (0, 24)), ((10, 24), (0, 10)), ((0, 10), (10, 20)), ((0, 10), (10, 30)), ((0, 24), (0, 24)),
        ((2, 12), (12, 24)), ((0, 12), (12, 24)), ((24, 24), (0, 24)),
    ):  # fmt: skip
        yield f"two tensors, {first} and {second}", file(_two(first, second))
    for text in (
        '["F32",[2,3],[0,24]]',
        '["F32",[2,3],[0,24],1]',
        '["F32",[2,3]]',
        "null",
        "1",
        "[]",
        '{"dtype":"F32"}',
    ):
        yield f"an entry {text}", file(f'{{"a":{text}}}')
    for text in ("[1]", "{}", "", "null", '{"a":', f"{_entry()[:-1]},}}", f"{_entry()}//", "\xff", "{" * 5000):
        yield f"the header {text[:20]!r}", file(text)
    yield "an empty header without data", file("{}", b"")
    yield "bytes that are no UTF-8", file(b'{"\xff":1}')
    yield "trailing bytes", file(_entry(), bytes(25))
    yield "missing bytes", file(_entry(), bytes(23))
    for length in (0, 1, 10**8, 10**8 + 1, 2**63, 2**64 - 1, 60):
        yield f"a header of {length} bytes", file(_entry(), length=length)
    yield "nothing", b""
    yield "7 bytes", b"\x02\0\0\0\0\0\0"
    yield "only a length", b"\x02\0\0\0\0\0\0\0"
