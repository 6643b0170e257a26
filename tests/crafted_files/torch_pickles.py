"""Files of torch.save, and checkpoints of torch.distributed.checkpoint, whose pickles are put together by hand."""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from crafted_files.case import DATA, VALUES, Case
from crafted_files.numpy_files import archive

FLOATS = b"ctorch\nFloatStorage\n"


def number(value: int) -> bytes:
    """An integer of any size."""
    data = pickle.encode_long(value)
    return b"\x8a" + bytes([len(data)]) + data


def word(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def group(*values: bytes) -> bytes:
    """A tuple."""
    return b"(" + b"".join(values) + b"t"


def call(module: str, name: str, *arguments: bytes) -> bytes:
    return f"c{module}\n{name}\n".encode() + group(*arguments) + b"R"


def table(*pairs: tuple[bytes, bytes]) -> bytes:
    """A dictionary."""
    return b"}(" + b"".join(key + value for key, value in pairs) + b"u"


def storage(key: str = "0", length: int = 6, kind: bytes = FLOATS) -> bytes:
    return group(word("storage"), kind, word(key), word("cpu"), number(length)) + b"Q"


def tensor(
    shape: Sequence[int] = (2, 3), strides: Sequence[int] = (3, 1), offset: int = 0, held: bytes | None = None,
    more: Sequence[bytes] = (), function: str = "_rebuild_tensor_v2",
) -> bytes:  # fmt: skip
    sizes = (group(*map(number, shape)), group(*map(number, strides)))
    hooks = call("collections", "OrderedDict")
    return call("torch._utils", function, held or storage(), number(offset), *sizes, b"\x89", hooks, *more)


def saved(
    described: bytes, data: bytes = DATA, others: Sequence[tuple[str, bytes]] = (), pack: int = zipfile.ZIP_STORED
) -> bytes:
    """A file of torch.save with that pickle, less its beginning and end, and one storage."""
    members = (("a/data.pkl", b"\x80\x02" + described + b"."), ("a/data/0", data), ("a/version", b"3\n"), *others)
    return archive(*members, pack=pack)


def cases() -> Iterator[Case]:
    state = table((word("W"), tensor()))
    sound = {"W": VALUES}
    parameter = call("torch._utils", "_rebuild_parameter", tensor(), b"\x88", call("collections", "OrderedDict"))
    rebuild, kind = b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch\nTensor\n"
    derived = call("torch._tensor", "_rebuild_from_type_v2", rebuild, kind,
                   group(storage(), number(0), group(number(2), number(3)), group(number(3), number(1)), b"\x89", b"}"),
                   b"}")  # fmt: skip
    typed = tensor(held=storage(length=24, kind=b"ctorch.storage\nUntypedStorage\n"), more=[b"ctorch\nfloat32\n"],
                   function="_rebuild_tensor_v3")  # fmt: skip
    big = VALUES.astype(">f4").tobytes()
    for name, content in (
        ("plain", saved(state)),
        ("packed", saved(state, pack=zipfile.ZIP_DEFLATED)),
        ("a parameter", saved(table((word("W"), parameter)))),
        ("a derived class", saved(table((word("W"), derived)))),
        ("a typed view of bytes", saved(table((word("W"), typed)))),
        ("of the other byte order", saved(state, big, [("a/byteorder", b"big")])),
        ("of the usual byte order", saved(state, others=[("a/byteorder", b"little")])),
        ("by columns", saved(table((word("W"), tensor(strides=(1, 2)))), VALUES.T.copy().tobytes())),
        ("a longer storage", saved(state, DATA + DATA)),
        ("an ordered dictionary", saved(call("collections", "OrderedDict") + b"(" + word("W") + tensor() + b"u")),
        ("one from pairs", saved(call("collections", "OrderedDict", b"](" + group(word("W"), tensor()) + b"e"))),
        ("with plain values", saved(table((word("W"), tensor()), (word("x"), b"](K\x01NG?\xf0\0\0\0\0\0\0e"),
                                          (number(3), b"K\x01"), (b"N", b"\x88"), (word("y"), group(b"K\x01"))))),
        ("with a state behind it", saved(state + b"}(" + word("_metadata") + b"K\x01" + b"ub")),
        ("nothing follows the end", saved(state + b".garbage")),
        ("a tensor from the memo", saved(table((word("W"), tensor() + b"q\x01")))),
    ):  # fmt: skip
        yield Case(name, content, "a.pt", sound)
    yield Case("nested", saved(table((word("model"), state))), "a.bin", {"model.W": VALUES})
    yield Case("a tensor alone", saved(tensor()), "a.ckpt", {"": VALUES})
    yield Case("whatever its suffix", saved(state), "a.safetensors", sound)
    yield Case("itself in itself", saved(b"}q\x01(" + word("W") + tensor() + word("me") + b"h\x01u"), "a.pt",
               {f"{'me.' * depth}W": VALUES for depth in range(6)})  # fmt: skip
    yield Case("a repeated row", saved(table((word("W"), tensor((2, 3), (0, 1))))), "a.pt", {"W": VALUES[[0, 0]]})
    yield Case("a part", saved(table((word("W"), tensor((1, 3), (3, 1), 3)))), "a.pt", {"W": VALUES[1:]})
    yield Case("a single number", saved(table((word("W"), tensor((), (), 1)))), "a.pt", {"W": VALUES[0, 1]})
    yield Case("no numbers", saved(table((word("W"), tensor((0, 3), (3, 1))))), "a.pt", {"W": VALUES[:0]})
    yield Case("integers", saved(table((word("W"), tensor(held=storage(kind=b"ctorch\nIntStorage\n"))))), "a.pt",
               {"W": VALUES.view("i4")})  # fmt: skip
    yield Case("no tensors", saved(table((word("x"), b"K\x01"))), "a.pt", {})
    yield from _beyond_the_storage()
    yield from _of_code(state)
    yield from _damaged(state)
    yield from _distributed()


def _beyond_the_storage() -> Iterator[Case]:
    for name, given in (
        ("too many rows", tensor((3, 3), (3, 1))),
        ("4 TB", tensor((10**12,), (1,))),
        ("4 TB of one number", tensor((10**12, 1), (0, 1))),
        ("a stride of 2^40", tensor((2, 3), (2**40, 1))),
        ("a stride of -1", tensor((2, 3), (-3, 1))),
        ("a length of -2", tensor((-2, -3), (3, 1))),
        ("an offset of 1", tensor(offset=1)),
        ("an offset of -1", tensor(offset=-1)),
        ("an offset of 2^70", tensor(offset=2**70)),
        ("fewer strides than axes", tensor((2, 3), (3,))),
        ("70 axes", tensor((1,) * 70, (1,) * 70)),
        ("axes of 2^62", tensor((2**62, 2**62), (0, 0))),
        ("a storage that claims more", tensor((3, 3), (3, 1), held=storage(length=9))),
        ("a storage of 2^62", tensor(held=storage(length=2**62))),
        ("a storage of -6", tensor(held=storage(length=-6))),
        ("a missing storage", tensor(held=storage("1"))),
        ("a storage elsewhere", tensor(held=storage("../../a/data/0/../1"))),
        ("a storage of doubles", tensor(held=storage(kind=b"ctorch\nDoubleStorage\n"))),
        ("a shape of text", call("torch._utils", "_rebuild_tensor_v2", storage(), number(0), word("ab"), word("ab"))),
        ("a shape of true", call("torch._utils", "_rebuild_tensor_v2", storage(), number(0), *2 * [group(b"\x88")])),
        ("conjugated", tensor(more=[table((word("conj"), b"\x88"))])),
        ("quantised", call("torch._utils", "_rebuild_qtensor", storage())),
        ("sparse", call("torch._utils", "_rebuild_sparse_tensor", b"N")),
        ("without values", call("torch._utils", "_rebuild_meta_tensor_no_storage", b"ctorch\nfloat32\n",
                                group(number(2), number(3)), group(number(3), number(1)), b"\x89")),
    ):  # fmt: skip
        yield Case(f"a tensor with {name}", saved(table((word("W"), given))), "a.pt")


def _of_code(state: bytes) -> Iterator[Case]:
    for module, name in (
        *(("os", "system"), ("builtins", "eval"), ("__builtin__", "eval"), ("nt", "system"), ("torch", "load")),
        *(
            ("argparse", "Namespace"),
            ("torch.nn.modules.linear", "Linear"),
            ("__torch__.m", "M"),
            ("torch._utils", "x"),
        ),
        *(("numpy.core.multiarray", "_reconstruct"), ("torch.serialization", "load"), ("torch", "FloatStorage")),
        *(("torch", "float32.x"), ("torch", "compile"), ("", ""), ("torch.storage", "_load_from_bytes"), ("a b", "c")),
    ):
        yield Case(f"{module}.{name} is called", saved(call(module, name, word("touch x"))), "a.pt")
    assembled = b"\x8c\x02os\x8c\x06system\x93\x8c\x07touch x\x85R"
    for name, given in (
        ("a stacked global", assembled),
        ("an instance", b"(" + word("x") + b"ios\nsystem\n"),
        ("an object", b"(cos\nsystem\n" + word("x") + b"o"),
        ("an extension", b"\x82\x01"),
        ("a persistent id as text", b"Px\n"),
        ("another persistent id", word("x") + b"Q"),
        ("a call of a storage", FLOATS + b")R"),
        ("a new object", FLOATS + b")\x81"),
        ("a new object with names", FLOATS + b")}\x92"),
        ("a buffer from elsewhere", b"\x97"),
        ("a call of a number", b"K\x01)R"),
    ):
        yield Case(name, saved(table((word("x"), given), (word("W"), tensor()))), "a.pt")
    yield Case("a pickle", pickle.dumps({"W": 1}), "a.pt")
    yield Case("a pickle named safetensors", pickle.dumps({"W": 1}), "a.safetensors")
    yield Case("a pickle in an archive of NumPy", archive(("data.pkl", b"\x80\x02" + state + b".")), "a.npz")


def _damaged(state: bytes) -> Iterator[Case]:
    deep = b")" + b"\x85" * 100_000
    doubled = b"}q\x00" + b"".join(
        b"}(" + b"".join(word(f"{key}") + b"h%c" % level for key in range(100)) + b"uq%c" % (level + 1)
        for level in range(7)
    )
    for name, given in (
        ("nothing", b""),
        ("a value from an empty stack", b"0"),
        ("a mark too few", word("a") + b"t"),
        ("a memo that is missing", b"h\x09"),
        ("an odd dictionary", b"}(" + word("a") + b"u"),
        ("items of a number", b"K\x01(" + word("a") + b"K\x01u"),
        ("appended to a number", b"K\x01K\x01a"),
        ("a key of 100,000 tuples", b"}" + deep + b"K\x01s"),
        ("a list as a key", b"}]K\x01s"),
        ("a text that claims 4 GB", b"X\xff\xff\xff\xff"),
        ("a text that claims 2^60 bytes", b"\x8d" + struct.pack("<Q", 2**60)),
        ("bytes that claim 2^60", b"\x8e" + struct.pack("<Q", 2**60)),
        ("an array that claims 2^60", b"\x96" + struct.pack("<Q", 2**60)),
        ("an integer that claims 2 GB", b"\x8b" + struct.pack("<i", 2**31 - 1)),
        ("an integer of 5,000 digits", b"L" + b"9" * 5000 + b"L\n"),
        ("an unknown instruction", b"\xff"),
        ("a memo of the number 2^40", word("a") + b"p%d\n" % 2**40 + b"h\x01"),
        ("entries without end", doubled),
    ):
        yield Case(f"a pickle of {name}", saved(given), "a.pt")
    yield Case(
        "20,000 tuples beside", saved(table((word("x"), deep[:20_000]), (word("W"), tensor()))), "a.pt", {"W": VALUES}
    )
    same = table((word("a.W"), tensor()), (word("a"), table((word("W"), tensor()))))
    yield Case("one name for two tensors", saved(same), "a.pt")
    pack = saved(state)
    for name, content in (
        ("no end", archive(("a/data.pkl", b"\x80\x02" + state), ("a/data/0", DATA))),
        ("two pickles", saved(state, others=[("b/data.pkl", b"\x80\x02}.")])),
        ("no pickle but its folder", archive(("a/data.pkl/x", b""), ("a/data/0", DATA))),
        ("a storage cut short", saved(state, DATA[:-1])),
        ("the file cut short", pack[: len(pack) // 2]),
        ("two files one behind the other", pack + pack),
        ("bytes before", b"x" * 64 + pack),
        ("no storage", archive(("a/data.pkl", b"\x80\x02" + state + b"."))),
        ("a storage in another folder", archive(("a/data.pkl", b"\x80\x02" + state + b"."), ("b/data/0", DATA))),
        ("before version 1.6, cut short", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."),
        ("only zeros", bytes(1000)),
    ):
        yield Case(name, content, "a.pt")


# --- torch.distributed.checkpoint -------------------------------------------------------------------------------------

_PACKAGE = "torch.distributed.checkpoint"


def record(module: str, name: str, *fields: tuple[str, bytes]) -> bytes:
    """An object with a state."""
    return (
        f"c{_PACKAGE}.{module}\n{name}\n".encode()
        + b")\x81"
        + table(*((word(key), value) for key, value in fields))
        + b"b"
    )


def sizes(*values: int) -> bytes:
    return call("torch", "Size", group(*map(number, values)))


def _metadata(
    chunks: Sequence[tuple[int, int]] = ((0, 1), (1, 1)), shape: Sequence[int] = (2, 3), file: str = "__0_0.distcp",
    place: Sequence[int] = (0, 0), more: Sequence[tuple[str, bytes]] = (), starts: Sequence[int] = (0, 0),
    lengths: Sequence[int] = (0, 0), dtype: bytes = b"ctorch\nfloat32\n", planner: bytes = b"N",
    others: Sequence[tuple[bytes, bytes]] = (), form: bytes | None = None,
) -> bytes:  # fmt: skip
    """The metadata of W in chunks of some rows, each (first row, number of rows)."""
    layout = call("torch.serialization", "_get_layout", word("torch.strided"))
    form = form or call(f"{_PACKAGE}.metadata", "_MEM_FORMAT_ENCODING", number(0))
    properties = (
        record("metadata", "TensorProperties")[: -len(table()) - 1]
        + group(dtype, layout, b"\x89", form, b"\x89")
        + b"b"
    )
    described = [
        record("metadata", "ChunkStorageMetadata", ("offsets", sizes(first, 0)), ("sizes", sizes(count, 3)))
        for first, count in chunks
    ]
    stored = [
        (
            record("metadata", "MetadataIndex", ("fqn", word("W")), ("offset", sizes(first, 0)), ("index", b"N")),
            record(
                "filesystem", "_StorageInfo",
                ("relative_path", word(file)), ("offset", number(start)), ("length", number(length)), *more,
            ),
        )
        for (first, _), start, length in zip(chunks, starts, lengths, strict=True)
    ]  # fmt: skip
    tensors = record(
        "metadata", "TensorStorageMetadata",
        ("properties", properties), ("size", sizes(*shape)), ("chunks", b"](" + b"".join(described) + b"e"),
    )  # fmt: skip
    content = record(
        "metadata", "Metadata",
        ("state_dict_metadata", table((word("W"), tensors), *others)),
        ("planner_data", planner), ("storage_data", table(*stored)),
    )  # fmt: skip
    return b"\x80\x04" + content + b"."


def in_chunks() -> dict[str, bytes]:
    """A sound checkpoint with W in two chunks: its files by name."""
    rows = [saved(tensor((1, 3), (3, 1), held=storage(length=3)), row.tobytes()) for row in VALUES]
    names = table((word("W"), group(word("W"))))
    metadata = _metadata(starts=(0, len(rows[0])), lengths=tuple(map(len, rows)), planner=names)
    return {".metadata": metadata, "__0_0.distcp": b"".join(rows)}


def _distributed() -> Iterator[Case]:
    rows = [saved(tensor((1, 3), (3, 1), held=storage(length=3)), row.tobytes()) for row in VALUES]
    whole = saved(tensor())
    part, starts, lengths = b"".join(rows), (0, len(rows[0])), tuple(map(len, rows))
    both: dict[str, Any] = {"starts": starts, "lengths": lengths}

    def folder(metadata: bytes, content: bytes = part) -> dict[str, bytes]:
        return {".metadata": metadata, "__0_0.distcp": content}

    sound = {"W": VALUES}
    both["others"] = [(word("x"), record("metadata", "BytesStorageMetadata"))]
    one: dict[str, Any] = {"chunks": ((0, 2),), "starts": (0,), "lengths": (len(whole),)}
    yield Case("distributed, in two chunks", folder(_metadata(**both)), "", sound)
    yield Case("distributed, in one", folder(_metadata(**one), whole), "", sound)
    yield Case("distributed, by its metadata", folder(_metadata(**both)), ".metadata", sound)
    named = call(
        "builtins", "getattr", f"c{_PACKAGE}.metadata\n_MEM_FORMAT_ENCODING\n".encode(), word("TORCH_CONTIGUOUS_FORMAT")
    )
    yield Case("distributed, a member by its name", folder(_metadata(**both, form=named)), "", sound)
    changes: dict[str, dict[str, Any]] = {
        "no float": {"dtype": b"K\x01"}, "another number type": {"dtype": b"ctorch\nfloat64\n"},
        "a file elsewhere": {"file": "../__0_0.distcp"}, "an absolute file": {"file": "/etc/passwd"},
        "a missing file": {"file": "__1_0.distcp"}, "a longer tensor": {"shape": (4, 3)},
        "4 TB": {"shape": (10**12, 3)}, "another axis": {"shape": (2, 3, 1)},
        "chunks that overlap": {"chunks": ((0, 1), (0, 1))},
        "chunks beyond it": {"chunks": ((0, 1), (2, 1))}, "places that are swapped": {"starts": (starts[1], 0)},
        "places beyond the file": {"starts": (0, 10**12)}, "negative places": {"starts": (0, -1)},
        "lengths beyond the file": {"lengths": (lengths[0], 10**12)}, "no lengths": {"lengths": (0, 0)},
        "places in the middle": {"starts": (7, starts[1])},
        "packed chunks": {"more": [("transform_descriptors", b"](" + word("zstd") + b"e")]},
        "an attribute of another": {"form": call("builtins", "getattr", b"ctorch\nfloat32\n", word("__class__"))},
        "code": {"planner": call("os", "system", word("touch x"))},
        "an unknown class": {"planner": b"cmine\nPlan\n)\x81"},
    }  # fmt: skip
    for name, change in changes.items():
        expected = None
        if name == "places that are swapped":  # what lies there is a row too, and nothing says of which place
            expected = {"W": VALUES[::-1]} if lengths[0] == lengths[1] else None
            change = {"starts": starts[::-1]}
        yield Case(f"distributed, {name}", folder(_metadata(**(both | change))), "", expected)
    for name, metadata in (
        ("nothing", b""),
        ("cut short", _metadata(**both)[:200]),
        ("a number", b"\x80\x04K\x01."),
        ("a pointer of Git LFS", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
        ("another record", b"\x80\x04" + record("metadata", "BytesStorageMetadata") + b"."),
    ):
        yield Case(f"distributed, metadata: {name}", folder(metadata), "")
    yield Case("distributed, without metadata", {"__0_0.distcp": part}, "", message="without their .metadata")
    yield Case("distributed, one part alone", folder(_metadata(**both)), "__0_0.distcp", message="give the folder")
    half = np.frombuffer(part, np.uint8)[: len(part) // 2].tobytes()
    yield Case("distributed, a part cut short", folder(_metadata(**both), half), "")
    zeros = bytes(len(part))
    yield Case("distributed, a part of zeros", folder(_metadata(**both), zeros), "")
