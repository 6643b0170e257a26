"""Which rows of an embedding never occurred in training, or hardly ever: by counting, or by the matrix alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gasfield.embedding import Indices, Matrix, open_matrix
from gasfield.errors import InputError
from gasfield.inspection.counts import Counts, count_tokens, read_counts
from gasfield.inspection.dormancy import Dormancy, dormancy
from gasfield.kernels.rows import count_marks
from gasfield.quantity import Quantity, nested_leaves
from gasfield.statistics.estimate import Estimate
from gasfield.statistics.separation import area_under_curve


@dataclass(frozen=True)
class DeadRows:
    """What was found.

    Attributes:
        source: the files that it was found from.
        dead: ids of rows that never occur; by the matrix alone, of those that look so.
        nearly: ids of rows that occur, but at most `at_most` times.
        padding: ids of rows beyond the counted vocabulary, which are no tokens.
        counts: (V,) how often each token occurs; None if only the matrix is known.
        score: how the rows of the matrix lie; None without a matrix.
        scored: (n,) ids of the rows that have a score.
        auc: how well the score tells the dead from the others, where both are known.
        at_most: the bound of nearly dead rows.
        tokens: strings by id, as far as they are known.
        notes: what a reader must know.
    """

    source: str
    dead: Indices
    nearly: Indices
    padding: Indices
    counts: Counts | None
    score: Dormancy | None
    scored: Indices
    auc: Estimate | None
    at_most: int
    tokens: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def quantities(self) -> dict[str, Quantity]:
        """The results as leaves, by dotted key."""
        found = {"dead.rows": Quantity(len(self.dead), "rows"), "dead.ids": Quantity(self.dead.tolist(), "row")}
        if self.counts is not None:
            found["nearly_dead.at_most"] = Quantity(self.at_most, "1")
            found["nearly_dead.rows"] = Quantity(len(self.nearly), "rows")
            found["nearly_dead.ids"] = Quantity(self.nearly.tolist(), "row")
            found["nearly_dead.counts"] = Quantity(self.counts[self.nearly].tolist(), "1")
            found["padding.rows"] = Quantity(len(self.padding), "rows")
            found["padding.ids"] = Quantity(self.padding.tolist(), "row")
        if self.score is not None:
            found["score.separation"] = Quantity(self.score.separation, "1")
            found["score.threshold"] = Quantity(self.score.threshold, "1")
        if self.auc is not None:
            found["score.area_under_curve"] = self.auc.quantity()
        return found

    def as_json(self) -> dict[str, Any]:
        """`source`, the leaves, and the notes."""
        return {"source": self.source, **nested_leaves(self.quantities()), "notes": list(self.notes)}

    def write(self, path: Path) -> None:
        """The ids of dead and nearly dead rows, one a line, as `inspect` and `import_recording` read rows."""
        lines = [f"# {len(self.dead)} dead rows; {self.source}"]
        lines += [str(row) for row in self.dead]
        if len(self.nearly):
            assert self.counts is not None
            lines += [f"# {len(self.nearly)} rows that occur at most {self.at_most} times"]
            lines += [f"{row} # {self.counts[row]} times" for row in self.nearly]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def save_counts(self, path: Path) -> None:
        """The counts of all tokens (V,), as npy.

        Raises:
            InputError: if nothing was counted, or the name is not that of an npy.
        """
        if self.counts is None or path.suffix != ".npy":
            raise InputError(
                "a name that ends in .npy is wanted, and something to count in.", parameter="save_counts", value=path
            )
        np.save(path, self.counts)

    def plot_all(self, folder: Path) -> list[Path]:
        """Writes the picture `dead.png`, where there is a matrix."""
        from gasfield.plots.matrix import dead_rows
        from gasfield.plots.style import save

        if self.score is None:
            return []
        picture = dead_rows(
            -self.score.scores,
            np.isin(self.scored, self.dead),
            label="that look dead" if self.counts is None else "that never occur",
            threshold=None if self.score.threshold is None else -self.score.threshold,
            area=None if self.auc is None else self.auc.quantity().text(),
        )
        return [save(picture.figure, folder / "dead.png")]


def find_dead(
    matrix: str | Path | None = None,
    *,
    counts: str | Path | None = None,
    tokenizer: str | Path | None = None,
    corpus: Sequence[str | Path] = (),
    at_most: int = 0,
    tensor: str | None = None,
) -> DeadRows:
    """Finds dead and nearly dead rows.

    Args:
        matrix: an embedding, as `gasfield inspect` reads it.
        counts: a file of token counts.
        tokenizer: tokenizer.json, to count tokens in a corpus.
        corpus: the texts.
        at_most: rows that occur so often or less, but do occur, are nearly dead.
        tensor: name of the matrix in its file.

    Raises:
        InputError: if there is nothing to tell it from, or things do not fit together.
    """
    if at_most < 0:
        raise InputError("counts are 0 or more.", parameter="at_most", value=at_most)
    if bool(tokenizer) != bool(corpus):
        missing = "corpus" if tokenizer else "tokenizer"
        raise InputError("a tokenizer and a corpus belong together.", parameter=missing)
    if counts and tokenizer:
        raise InputError("give counts, or a tokenizer and a corpus, not both.", parameter="counts")
    if not (matrix or counts or tokenizer):
        raise InputError("nothing to tell dead rows from: give a matrix, counts, or a tokenizer and a corpus.")
    opened = None if matrix is None else open_matrix(matrix, tensor)
    known: Counts | None = None
    tokens: dict[int, str] = {}
    if counts:
        known = read_counts(Path(counts))
    elif tokenizer:
        known, tokens = count_tokens(Path(tokenizer), [Path(text) for text in corpus])
    source = " ".join(str(each) for each in (matrix, counts, tokenizer, *corpus) if each)
    if known is None:
        assert opened is not None
        return _by_matrix(opened, source)
    return replace(_by_counts(known, opened, at_most, source), tokens=tokens)


def _by_matrix(matrix: Matrix, source: str) -> DeadRows:
    rows = _measurable(matrix)
    score = dormancy(matrix, rows)
    notes = ["by the matrix alone: rows that lie together look as if they were dead (docs/dead-rows.md says how well)"]
    dead = np.empty(0, np.int64)
    if score.threshold is None:
        notes.append(
            f"cannot tell: the rows are not of two kinds (Ashman's D is {score.separation:.2g}, less than 2). No row "
            "is called dead; token counts would tell."
        )
    else:
        dead = rows[score.scores > score.threshold]
    none = np.empty(0, np.int64)
    return DeadRows(source, dead, none, none, None, score, rows, None, 0, notes=(*matrix.notes, *notes))


def _by_counts(counts: Counts, matrix: Matrix | None, at_most: int, source: str) -> DeadRows:
    if matrix is not None and matrix.rows < len(counts):
        raise InputError(f"{source}: {len(counts)} tokens are counted; the matrix has only {matrix.rows} rows.")
    padding = np.arange(len(counts), len(counts) if matrix is None else matrix.rows)
    notes = [] if matrix is None else list(matrix.notes)
    if len(padding):
        notes.append(f"rows {padding[0]} to {padding[-1]} are beyond the {len(counts)} tokens: padding")
    dead = np.flatnonzero(counts == 0)
    nearly = np.flatnonzero((counts > 0) & (counts <= at_most))
    if matrix is None:
        return DeadRows(source, dead, nearly, padding, counts, None, dead[:0], None, at_most, notes=tuple(notes))
    rows = _measurable(matrix)
    rows = rows[rows < len(counts)]
    score = dormancy(matrix, rows)
    auc = area_under_curve(score.scores, counts[rows] == 0)
    return DeadRows(source, dead, nearly, padding, counts, score, rows, auc, at_most, notes=tuple(notes))


def _measurable(matrix: Matrix) -> Indices:
    """Rows of finite numbers."""
    marks = count_marks(matrix.words, matrix.fraction_bits, matrix.largest_word)
    rows = np.flatnonzero(marks[:, 2] == 0)
    if not len(rows):
        raise InputError(f"{matrix.source}: every row holds a NaN, an infinity or a number beyond 1e100.")
    return rows
