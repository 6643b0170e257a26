"""Pages as a browser without scripts finds them, and the arrays in them."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from html.parser import HTMLParser
from typing import Any

import numpy as np
from numpy.typing import NDArray


def unpack(data: bytes, kind: type, shape: tuple[int, ...], *, differences: bool = False) -> NDArray[Any]:
    """Inverse of `pack`, as the page does it."""
    planes = np.frombuffer(zlib.decompress(data), np.uint8).reshape(np.dtype(kind).itemsize, -1)
    words: NDArray[Any] = np.ascontiguousarray(planes.T).view(kind).reshape(shape)
    if not differences:
        return words
    changes = (words >> 1) ^ (~(words & 1) + kind(1))
    return np.cumsum(np.concatenate([words[:1], changes[1:]]), axis=0, dtype=kind)


class Parsed(HTMLParser):
    """Elements and texts of a page, as a browser without scripts finds them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.policy = ""
        self._open: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._open = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag == "meta" and ("http-equiv", "Content-Security-Policy") in attrs:
            self.policy = dict(attrs)["content"] or ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        else:
            self.texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._open = None

    @property
    def code(self) -> list[str]:
        """Scripts that run."""
        return [content for about, content in self.scripts if "data-name" not in about]

    @property
    def data(self) -> dict[str, str]:
        """Scripts that are data, by name."""
        return {str(about["data-name"]): content for about, content in self.scripts if "data-name" in about}

    def allowed(self) -> set[str]:
        """SHA-256 of the scripts that the policy lets run."""
        return set(re.findall(r"script-src ([^;]*);", self.policy)[0].split())

    def digests(self) -> set[str]:
        """SHA-256 of the scripts that run, as a policy writes them."""
        found = (base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() for content in self.code)
        return {f"'sha256-{digest}'" for digest in found}
