"""Damaged HDF5 files: copies of a sound file with one to three changes of its bytes, the same for the same seed.

What the changes stand for: bits that a disk has lost, a transfer that stopped, blocks that were written to another
place, and addresses and sizes that somebody set on purpose. Most are made where the metadata are, because a change of
compressed numbers is found by a checksum.
"""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable

Chance = random.Random
Change = Callable[[Chance, bytearray], str]

_BLOCKS = re.compile(rb"TREE|SNOD|HEAP|GCOL|GASFTAIL|\x01\x00.\x00\x01\x00\x00\x00..\x00\x00", re.DOTALL)
"""Beginnings of B-trees, symbol tables, heaps, tails and object headers."""
_WORDS = (0, 1, 2, 7, 255, 2**15, 2**16, 2**31, 2**32 - 1, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1)


def mutated(sound: bytes, seed: int, number: int) -> tuple[bytes, str]:
    """A damaged copy of a file, and what was changed."""
    chance = Chance(seed * 1_000_003 + number)
    data = bytearray(sound)
    done = [chance.choice(_CHANGES)(chance, data) for _ in range(chance.choice((1, 1, 2, 3)))]
    return bytes(data), "; ".join(done)


def _place(chance: Chance, data: bytearray) -> int:
    """Somewhere, mostly in a block of metadata."""
    if chance.random() < 0.1:
        return chance.randrange(len(data))
    if chance.random() < 0.15:
        return chance.randrange(min(len(data), 96))
    starts = [found.start() for found in _BLOCKS.finditer(data)] or [0]
    return min(chance.choice(starts) + chance.randrange(chance.choice((8, 32, 128, 512))), len(data) - 1)


def _bit(chance: Chance, data: bytearray) -> str:
    at = _place(chance, data)
    data[at] ^= 1 << chance.randrange(8)
    return f"a bit at {at}"


def _byte(chance: Chance, data: bytearray) -> str:
    at = _place(chance, data)
    data[at] = chance.choice((0, 1, 127, 128, 254, 255, chance.randrange(256)))
    return f"byte {at} becomes {data[at]}"


def _word(chance: Chance, data: bytearray) -> str:
    at = min(_place(chance, data) // 8 * 8, len(data) - 8)
    value = chance.choice((*_WORDS, len(data), len(data) - 1, chance.getrandbits(64)))
    struct.pack_into("<Q", data, at, value)
    return f"word {at} becomes {value}"


def _number(chance: Chance, data: bytearray) -> str:
    size = chance.choice((2, 4))
    at = min(_place(chance, data) // size * size, len(data) - size)
    value = chance.choice([word for word in _WORDS if word < 2 ** (8 * size)])
    struct.pack_into("<H" if size == 2 else "<I", data, at, value)
    return f"{size} bytes at {at} become {value}"


def _elsewhere(chance: Chance, data: bytearray) -> str:
    """A word becomes that of another place, which is an address where addresses are."""
    at, other = (min(_place(chance, data) // 8 * 8, len(data) - 8) for _ in range(2))
    data[at : at + 8] = data[other : other + 8]
    return f"word {at} becomes that at {other}"


def _loop(chance: Chance, data: bytearray) -> str:
    """A word becomes the address of a block of metadata: of its own, or of any."""
    at = min(_place(chance, data) // 8 * 8, len(data) - 8)
    starts = [found.start() for found in _BLOCKS.finditer(data)] or [0]
    before = [start for start in starts if start <= at]
    target = before[-1] if before and chance.random() < 0.5 else chance.choice(starts)
    struct.pack_into("<Q", data, at, target)
    return f"word {at} points to {target}"


def _block(chance: Chance, data: bytearray) -> str:
    """Some bytes are those of another place, or zero."""
    at, other = _place(chance, data), _place(chance, data)
    size = min(chance.choice((16, 64, 512, 4096)), len(data) - max(at, other))
    data[at : at + size] = data[other : other + size] if chance.random() < 0.6 else bytes(size)
    return f"{size} bytes at {at} are lost"


def _end(chance: Chance, data: bytearray) -> str:
    size = chance.choice((8, 95, 96, 1000, len(data) // 2, len(data) - 1, chance.randrange(8, len(data))))
    del data[size:]
    return f"it ends at {size}"


_CHANGES: tuple[Change, ...] = (_bit, _byte, _byte, _word, _word, _number, _number, _elsewhere, _loop, _block, _end)
