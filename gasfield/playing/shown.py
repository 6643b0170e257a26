"""What the engine has shown last: frames, and what goes with some of them, for pages that come later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gasfield.playing.channel import Parcel
from gasfield.playing.frames import Blob, frame


@dataclass(frozen=True)
class Shown:
    """A frame with all that goes with it.

    Attributes:
        header: of the frame.
        blobs: arrays of every frame.
        who: arrays of its generation.
        under: what lies under the particles.
        under_header: of it.
        under_number: changes with it.
    """

    header: Mapping[str, Any]
    blobs: Sequence[Blob]
    who: Sequence[Blob] = ()
    under: Sequence[Blob] = ()
    under_header: Mapping[str, Any] | None = None
    under_number: int = 0

    @property
    def number(self) -> int:
        """Of the frame."""
        return int(self.header["number"])

    @property
    def generation(self) -> int:
        """Of those who are there."""
        return int(self.header["generation"])

    def packed(self, *, who: bool, under: bool) -> bytes:
        """The frame as bytes, with or without who is there and what lies under them."""
        header, blobs = dict(self.header), list(self.blobs)
        if who:
            blobs += self.who
        if under:
            header["underlay"] = self.under_header
            blobs += self.under
        return frame(header, blobs)


def shown(parcel: Parcel, before: Shown | None) -> Shown:
    """The frame of a parcel; what it does not bring is that of the frame before."""
    data, contents = parcel.data, iter(parcel.blobs)

    def blobs(described: Sequence[Mapping[str, Any]]) -> list[Blob]:
        return [Blob.described_by(each, next(contents)) for each in described]

    own = blobs(data["blobs"])
    who = blobs(data["who"]) if "who" in data else before.who if before else ()
    if "under" in data:
        under, header = blobs(data["under"]["blobs"]), data["under"]["header"]
        return Shown(data["frame"], own, who, under, header, (before.under_number if before else 0) + 1)
    kept = (before.under, before.under_header, before.under_number) if before else ((), None, 0)
    return Shown(data["frame"], own, who, *kept)
