"""Groups of rows with the same 128-bit xxhash, in a dictionary: `python -m benchmarks.against.xxhash ROWS COLUMNS`.

Bytes are not compared, and one thread is used.
"""

from __future__ import annotations

import sys

import xxhash

from benchmarks.problems import embedding
from benchmarks.timing import about, median_time, report


def main(rows: int, columns: int) -> None:
    """Times the search for all groups."""
    words = embedding(rows, columns)

    def groups() -> list[list[int]]:
        seen: dict[bytes, list[int]] = {}
        for row in range(rows):
            seen.setdefault(xxhash.xxh3_128_digest(words[row].data), []).append(row)
        return [members for members in seen.values() if len(members) > 1]

    report("xxhash identical rows", f"{rows}x{columns}", median_time(groups, 3, 1), "s")
    about("xxhash", "numpy")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
