"""Rows of an embedding whose tokens occurred never or rarely in training: from counts, or from the matrix alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from gasfield.diagnostics.base import Axes
from gasfield.embedding import Indices, Matrix, open_matrix
from gasfield.errors import InputError
from gasfield.files import write_file
from gasfield.inspection.by_matrix import ByMatrix, by_matrix
from gasfield.inspection.counts import Counts, count_tokens, open_code, read_counts
from gasfield.inspection.dormancy import Dormancy, dormancy
from gasfield.inspection.reachability import CLASSES, reachability
from gasfield.kernels.rows import count_marks
from gasfield.printable import shortened
from gasfield.quantity import Quantity, nested_leaves
from gasfield.statistics.estimate import Estimate
from gasfield.statistics.separation import area_under_curve

Reach = Callable[[Indices], Mapping[int, str]]


@dataclass(frozen=True)
class DeadRows:
    """Dead and nearly dead rows.

    Attributes:
        source: the input files.
        dead: ids of rows that never occur; without counts, of rows classified as dead from the matrix.
        nearly: ids of rows that occur, but at most `at_most` times.
        padding: ids of rows beyond the counted vocabulary, which belong to no token.
        counts: (V,) token counts; None if only the matrix is known.
        score: dormancy scores of the rows; None without a matrix.
        scored: (n,) ids of the rows that have a score.
        auc: how well the score separates dead from other rows, if both counts and matrix are known.
        at_most: the bound of nearly dead rows.
        tokens: strings by id, as far as known.
        notes: caveats and warnings.
        alone: the classes by the matrix alone; None with counts.
        reached: how the token of each dead or nearly dead row can be reached, one of `reachability.CLASSES`; empty
            without a tokenizer.
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
    alone: ByMatrix | None = None
    reached: Mapping[int, str] = field(default_factory=dict)

    def quantities(self) -> dict[str, Quantity]:
        """The results by dotted key."""
        found = {"dead.rows": Quantity(len(self.dead), "rows"), "dead.ids": Quantity(self.dead.tolist(), "row")}
        for name in CLASSES if self.reached else ():
            count = sum(self.reached.get(row) == name for row in self.dead.tolist())
            found[f"dead.{name}.rows"] = Quantity(count, "rows")
        if self.alone is not None:
            found |= self.alone.quantities()
        if self.counts is not None:
            found["nearly_dead.at_most"] = Quantity(self.at_most, "1")
            found["nearly_dead.rows"] = Quantity(len(self.nearly), "rows")
            found["nearly_dead.ids"] = Quantity(self.nearly.tolist(), "row")
            found["nearly_dead.counts"] = Quantity(self.counts[self.nearly].tolist(), "1")
            found["padding.rows"] = Quantity(len(self.padding), "rows")
            found["padding.ids"] = Quantity(self.padding.tolist(), "row")
        if self.score is not None:
            found["score.separation"] = Quantity(self.score.separation, "1")
            found["score.valley"] = Quantity(self.score.significance, "standard errors")
            found["score.threshold"] = Quantity(self.score.threshold, "1")
        if self.auc is not None:
            found["score.area_under_curve"] = self.auc.quantity()
        return found

    def as_json(self) -> dict[str, Any]:
        """`source`, the quantities nested by key, the evidence, and the notes."""
        evidence = self.evidence()
        return {
            "source": self.source,
            **nested_leaves(self.quantities()),
            "evidence": evidence,
            "notes": list(self.notes),
        }

    def evidence(self) -> list[dict[str, Any]]:
        """What is known of each dead and nearly dead row: `id`, and as far as known `token`, `reachability`, `count`,
        `distance` from the centre of the dense rows (in units of the median of the nearest), and the `probability` of
        the dense class."""
        rows = [*self.dead.tolist(), *self.nearly.tolist()]
        known: list[tuple[str, Mapping[int, Any]]] = [("token", self.tokens), ("reachability", self.reached)]
        if self.counts is not None:
            known.append(("count", {row: int(self.counts[row]) for row in rows}))
        if self.score is not None:
            known.append(("distance", dict(zip(self.scored.tolist(), (-self.score.scores).tolist(), strict=True))))
        if self.alone is not None:
            known.append(("probability", dict(zip(rows, self.alone.probability.tolist(), strict=True))))
        return [{"id": row, **{name: values[row] for name, values in known if row in values}} for row in rows]

    def write(self, path: Path) -> None:
        """Writes the ids of dead and nearly dead rows, one per line, as read by `inspect` and `import_recording`.

        Raises:
            WriteError: if they cannot be written.
        """
        lines = [f"# {len(self.dead)} dead rows; {self.source}"]
        lines += self._dead_lines()
        if len(self.nearly):
            assert self.counts is not None
            lines += [f"# {len(self.nearly)} rows that occur at most {self.at_most} times"]
            lines += [f"{row} # {self.counts[row]} times" for row in self.nearly]
        write_file(path, "\n".join(lines) + "\n")

    def _dead_lines(self) -> list[str]:
        """The ids of the dead rows, with what is known of them."""
        lines = []
        for each in self.evidence()[: len(self.dead)]:
            words = [f"{each['probability']:.2f}"] if "probability" in each else []
            words += [each["reachability"]] if "reachability" in each else []
            words += [shortened(each["token"])] if "token" in each else []
            lines.append(f"{each['id']} # {' '.join(words)}" if words else str(each["id"]))
        return lines

    def save_counts(self, path: Path) -> None:
        """Writes the counts of all tokens (V,) as npy.

        Raises:
            InputError: if there are no counts, or the file name does not end in .npy.
            WriteError: if they cannot be written.
        """
        if self.counts is None or path.suffix != ".npy":
            raise InputError("needs a file name ending in .npy, and token counts.", parameter="save_counts", value=path)
        content = BytesIO()
        np.save(content, self.counts)
        write_file(path, content.getbuffer())

    def plot_all(self, folder: Path, failed: Callable[[str, Exception], None] | None = None) -> list[Path]:
        """Writes the figure `dead.png` if there is a matrix; see `gasfield.plots.style.save_all`."""
        from gasfield.plots.style import save_all

        return save_all({} if self.score is None else {"dead": lambda: self._plot().figure}, folder, failed)

    def _plot(self) -> Axes:
        from gasfield.plots.matrix import dead_rows

        assert self.score is not None
        return dead_rows(
            -self.score.scores,
            np.isin(self.scored, self.dead),
            label="classified as dead" if self.counts is None else "that never occur",
            threshold=None if self.score.threshold is None else -self.score.threshold,
            area=None if self.auc is None else self.auc.quantity().text(),
        )


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
        tokenizer: tokenizer.json, to count tokens in a corpus; without one, for the strings of the tokens.
        corpus: the texts.
        at_most: rows that occur between once and this many times are nearly dead.
        tensor: name of the matrix in its file.

    Raises:
        InputError: if no input is given, or the inputs are inconsistent.
    """
    if at_most < 0:
        raise InputError("must be at least 0.", parameter="at_most", value=at_most)
    if bool(tokenizer) != bool(corpus) and (corpus or matrix is None):
        missing = "corpus" if tokenizer else "tokenizer"
        raise InputError("a tokenizer and a corpus must be given together.", parameter=missing)
    if counts and tokenizer:
        raise InputError("give counts, or a tokenizer and a corpus, not both.", parameter="counts")
    if not (matrix or counts or tokenizer):
        raise InputError("no input: give a matrix, counts, or a tokenizer and a corpus.")
    opened = None if matrix is None else open_matrix(matrix, tensor)
    known: Counts | None = None
    if counts:
        known = read_counts(Path(counts))
    elif tokenizer and corpus:
        known, _ = count_tokens(Path(tokenizer), [Path(text) for text in corpus])
    code, tokens = open_code(Path(tokenizer)) if tokenizer else (None, {})
    reach = partial(_reach, code, tokens)
    source = " ".join(str(each) for each in (matrix, counts, tokenizer, *corpus) if each)
    if known is None:
        assert opened is not None
        return _by_matrix(opened, source, tokens, reach)
    found = _by_counts(known, opened, at_most, source)
    return replace(found, tokens=tokens, reached=reach(np.concatenate([found.dead, found.nearly])))


def _reach(code: Any, tokens: Mapping[int, str], ids: Indices) -> Mapping[int, str]:
    """How the tokens of some rows can be reached; rows beyond the tokenizer, and all without one,
    have none."""
    return {} if code is None else reachability(code, {row: tokens[row] for row in ids.tolist() if row in tokens})


def _by_matrix(matrix: Matrix, source: str, tokens: Mapping[int, str], reach: Reach) -> DeadRows:
    found = by_matrix(matrix, _measurable(matrix), tokens, reach)
    none = np.empty(0, np.int64)
    return DeadRows(
        source,
        found.dead,
        none,
        none,
        None,
        found.score,
        found.scored,
        None,
        0,
        tokens,
        (*matrix.notes, *found.notes),
        found,
        found.reached,
    )


def _by_counts(counts: Counts, matrix: Matrix | None, at_most: int, source: str) -> DeadRows:
    if matrix is not None and matrix.rows < len(counts):
        raise InputError(f"{source}: there are counts of {len(counts)} tokens, but the matrix has {matrix.rows} rows.")
    padding = np.arange(len(counts), len(counts) if matrix is None else matrix.rows)
    notes = [] if matrix is None else list(matrix.notes)
    if len(padding):
        notes.append(f"rows {padding[0]} to {padding[-1]} are padding, beyond the {len(counts)} counted tokens")
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
    """Ids of rows with finite numbers only."""
    marks = count_marks(matrix.words, matrix.fraction_bits, matrix.largest_word)
    rows = np.flatnonzero(marks[:, 2] == 0)
    if not len(rows):
        raise InputError(f"{matrix.source}: every row contains a NaN, an infinity or a number beyond 1e100.")
    return rows
