"""What a server says about trajectories: the page, and frames and neighbours asked for one by one."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.viewing import document
from gasfield.viewing.nearest import nearest_of
from gasfield.viewing.page import page
from gasfield.viewing.scene import Scene
from gasfield.viewing.writing import blobs

_KEPT_BYTES = 1 << 28
"""Frames in the space of the rows that are kept, at least one."""


class Answers:
    """What is answered under the secret path, for paths of whole numbers only."""

    def __init__(self, scenes: list[Scene]) -> None:
        self._scenes = scenes
        self._page = b"".join(page(document.description(scenes), blobs(scenes), "served_page.js"))
        self._lock, self._kept = threading.Lock(), OrderedDict[tuple[int, int], NDArray[Any]]()

    def answer(self, path: list[str]) -> tuple[str, bytes]:
        """Type and content.

        Raises:
            LookupError, ValueError: if there is nothing of this name.
        """
        if path == [""]:
            return "text/html; charset=utf-8", self._page
        what, *rest = path
        numbers = [_number(part) for part in rest]
        panel = numbers.pop(0)
        scene = self._scenes[panel]
        if what == "neighbours":
            frame, row = numbers
            return "application/json", self._neighbours(panel, scene, frame, row)
        return "application/octet-stream", _bytes(scene, what, numbers)

    def _neighbours(self, panel: int, scene: Scene, frame: int, row: int) -> bytes:
        if not (frame < len(scene) and row < scene.count):
            raise LookupError
        rows, distances = nearest_of(self._frame(panel, scene, frame), row, document.NEIGHBOURS)
        return json.dumps({"rows": rows.tolist(), "distances": distances.tolist()}, allow_nan=False).encode()

    def _frame(self, panel: int, scene: Scene, frame: int) -> NDArray[Any]:
        """Positions (n, D); the last ones that were asked for are kept."""
        with self._lock:  # the file is read by one thread at a time
            found = self._kept.pop((panel, frame), None)
            if found is None:
                found = np.asarray(scene.group.positions[frame])
            self._kept[panel, frame] = found
            while len(self._kept) > 1 and sum(each.nbytes for each in self._kept.values()) > _KEPT_BYTES:
                self._kept.popitem(last=False)
            return found


def _bytes(scene: Scene, what: str, numbers: list[int]) -> bytes:
    """Little-endian numbers: the cells (K, n) of a frame, the path (F, K) of a row, codes of a channel, strains."""
    if what == "cells":
        (frame,) = numbers
        return _little(scene.cells[frame])
    if what == "path":
        (row,) = numbers
        return _little(scene.cells[:, :, row])
    if what == "codes":
        number, frame = numbers
        codes = scene.channels[number].codes
        return _little(codes[frame] if scene.channels[number].moves else codes)
    if what == "strain" and scene.bonds is not None:
        (frame,) = numbers
        return _little(scene.bonds.strain[frame])
    raise LookupError


def _little(numbers: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(numbers, numbers.dtype.newbyteorder("<")).tobytes()


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError
    return int(text)
