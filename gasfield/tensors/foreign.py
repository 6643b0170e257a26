"""Files that hold no tensors, by what they begin with: what they are, and what to do."""

from __future__ import annotations

from pathlib import Path

from gasfield.errors import InputError

_SUPPORTED = (
    "supported are safetensors (a file, a folder of shards or its .index.json), .npy, .npz, files of torch.save, "
    "folders of torch.distributed.checkpoint, GGUF, and gasfield's trajectories (.h5)"
)
_POINTER = b"version https://git-lfs.github.com/spec/"
_KNOWN = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, which is read only as a trajectory of gasfield"),
    (b"\x1f\x8b", "packed by gzip; unpack it first"),
    (b"\xfd7zXZ\0", "packed by xz; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd; unpack it first"),
    (b"BZh", "packed by bzip2; unpack it first"),
    (b"ustar", "an archive of tar"),
    (b"PAR1", "a table of Parquet"),
    (b"ARROW1", "a table of Arrow"),
)
_PAGES = (b"<!doctype", b"<html", b"<?xml")
LONGEST = 64
"""Bytes at the beginning of a file by which its format is recognised."""


def refuse_pointer(path: Path) -> None:
    """Refuses a pointer of Git LFS.

    Raises:
        InputError: if the file is one.
    """
    with path.open("rb") as file:
        start = file.read(LONGEST)
    if start.startswith(_POINTER):
        raise InputError(f"{path}: {what_it_is(start)}")


def what_it_is(start: bytes) -> str:
    """What a file is that starts with these bytes and is of no format that is read, as a sentence."""
    if not start:
        return "the file is empty."
    if start.startswith(_POINTER):
        return "a pointer of Git LFS, not the file itself; fetch it with `git lfs pull`."
    if start.lstrip().lower().startswith(_PAGES):
        return "a page of HTML or XML, not the file itself: a download that failed?"
    for signature, what in _KNOWN:
        if start.startswith(signature):
            return f"{what}; {_SUPPORTED}."
    return f"unknown format; {_SUPPORTED}."
