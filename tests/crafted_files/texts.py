"""JSON, and what is taken for a file of tensors but is none."""

from __future__ import annotations

import gzip
import json
import lzma
from collections.abc import Iterator

from crafted_files.case import VALUES, Case
from crafted_files.numpy_files import npy
from crafted_files.torch_pickles import saved, table, tensor, word


def cases() -> Iterator[Case]:
    """Indices of shards, and files of other kinds under names of weights."""
    shard = saved(table((word("W"), tensor())))
    for name, index in (
        ("an index", {"weight_map": {"W": "a.bin"}}),
        ("an index with more", {"metadata": {"total_size": 24}, "weight_map": {"W": "a.bin"}}),
    ):
        yield Case(name, {"i.json": json.dumps(index).encode(), "a.bin": shard}, "i.json", {"W": VALUES})
    yield Case("with a mark of the byte order", {"i.json": b'\xef\xbb\xbf{"weight_map":{"W":"a.bin"}}', "a.bin": shard},
               "i.json", {"W": VALUES})  # fmt: skip
    for text in (
        *("[1]", "{}", "1", "null", "", '{"weight_map": null}', '{"weight_map": []}', '{"weight_map": {"W": 1}}'),
        *(
            '{"weight_map": {"W": "../a.bin"}}',
            '{"weight_map": {"W": "/etc/passwd"}}',
            '{"weight_map": {"W": "b.bin"}}',
        ),
        *(
            '{"weight_map": {"V": "a.bin"}}',
            '{"weight_map": {"W": ".."}}',
            '{"weight_map": {"W": ""}}',
            '{"weight_map": ',
        ),
        *("[" * 5000, '{"a":' * 5000, '{"weight_map": {"W": "x\\\\a.bin"}}', '{"weight_map": {"W": "a\\u0000.bin"}}'),
        *('{"weight_map": {"W": 1e400}}', "9" * 5000, '{"weight_map": {"W": "i.json"}}', "\xff\xfe"),
    ):
        files = {"i.json": text.encode("latin-1"), "a.bin": shard}
        yield Case(f"an index {text[:40]}", files, "i.json")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 134217728\n"
    for source in ("a.safetensors", "a.pt", "a.npy", "a.npz", "a.gguf", "i.json", "a"):
        yield Case(f"a pointer of Git LFS as {source}", pointer, source, message="git lfs pull")
    for name, content, message in (
        ("nothing", b"", "the file is empty"),
        ("a page", b"<!DOCTYPE html><html></html>", "HTML"),
        ("a page with blanks", b"\n\n <html>", "HTML"),
        ("XML", b"<?xml version='1.0'?><Error/>", "XML"),
        ("gzip", gzip.compress(npy()), "packed by gzip"),
        ("xz", lzma.compress(npy()), "packed by xz"),
        ("HDF5", b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
        ("words", b"king river\n", ""),
        ("zeros", bytes(200), ""),
        ("letters", b"A" * 200, ""),
    ):
        for source in ("a.safetensors", "a.bin", "a.npz"):
            yield Case(f"{name} as {source}", content, source, message=message)


def vocabularies() -> Iterator[tuple[str, str, dict[int, str] | None]]:
    """File name, text, and the tokens by id; None if it must be refused."""
    yield "vocab.json", '{"a": 0, "b": 1}', {0: "a", 1: "b"}
    yield "vocab.json", '{"a": 0.0, "b": 3}', {0: "a", 3: "b"}
    yield "tokenizer.json", '{"model": {"vocab": [["a", -1.5], ["b", 0]]}}', {0: "a", 1: "b"}
    yield "vocab.txt", "a\u2028b\nc\x85\x0cd\r\n\ne", {0: "a\u2028b", 1: "c\x85\x0cd", 2: "", 3: "e"}
    yield "vocab.txt", "\ufeffa\nb\n", {0: "a", 1: "b"}
    for text in (
        *('{"a": 0, "b": 0}', '{"a": -1}', '{"a": 1.5}', '{"a": 1e400}', '{"a": "0"}', '{"a": true}', '{"a": null}'),
        *(
            f'{{"a": {10**30}}}',
            '{"a": [0]}',
            "[]",
            "1",
            "",
            "{",
            "[" * 5000,
            '{"model": {"vocab": 1}}',
            '{"model": {}}',
        ),
        *(
            '{"model": {"vocab": [[]]}}',
            '{"model": {"vocab": [1]}}',
            '{"model": {"vocab": {"a": 0}}, "added_tokens": 1}',
        ),
        *(
            '{"model": {"vocab": {"a": 0}}, "added_tokens": [1]}',
            '{"a": NaN}',
            "\x00" * 50,
            '{"model": {"vocab": null}}',
        ),
    ):
        yield "vocab.json", text, None
