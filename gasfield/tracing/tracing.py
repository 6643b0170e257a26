"""Records the inference of texts: the layers of a transformer as time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError, Note
from gasfield.files import draft_of
from gasfield.language.base import LanguageModel
from gasfield.language.open import open_module
from gasfield.language.prompts import Prompt
from gasfield.memory import free_disk, require_disk, require_memory
from gasfield.printable import storable
from gasfield.provenance import FileDigest, versions
from gasfield.quantity import Quantity, nested_leaves
from gasfield.resources import check_output
from gasfield.tracers import Tracer
from gasfield.tracing import layout
from gasfield.tracing.layout import Sizes
from gasfield.tracing.texts import texts_of
from gasfield.tracing.trace import Trace, open_trace

if TYPE_CHECKING:
    from gasfield.tracing.families import Transformer

Array = NDArray[np.float32]
PARTS, LENS = ("auto", "full", "work"), ("layers", "steps", "none")
"""What may be kept of the parts, and where the logit lens may look."""
Progress = Callable[[int, int], None]
"""Called with the number of layers of texts that are done and their total."""


@dataclass(frozen=True)
class TraceResult:
    """What was traced.

    Attributes:
        path: the file.
        model: name of the model.
        family: "llama", "gpt2" or "gpt_neox".
        sizes: numbers of layers, heads, dimensions and tokens.
        texts: number of tokens of each text by name.
        losses: mean energy [nats] of the true next tokens of each text in the end; NaN for a text of one token, and
            without the lens.
        sum_error: how far the parts are from the stream, relative to its length, at the worst token and step.
        full: whether the writes of all parts are in the file.
        tracers: number of particles of each group of tracers.
        tracer_error: largest distance of a tracer without offset from its host, relative to the length of the state;
            NaN without tracers.
    """

    path: Path
    model: str
    family: str
    sizes: Sizes
    texts: dict[str, int]
    losses: dict[str, float]
    sum_error: float
    full: bool
    tracers: dict[str, int]
    tracer_error: float

    def open(self) -> Trace:
        """The trace, for reading."""
        return open_trace(self.path)

    def as_json(self) -> dict[str, Any]:
        """What was traced, in plain values."""
        sizes = {name: getattr(self.sizes, name) for name in ("layers", "heads", "dimensions", "tokens")}
        head = {"path": str(self.path), "model": self.model, "family": self.family, "full": self.full, **sizes}
        return {**head, "texts": self.texts, "tracers": self.tracers, **nested_leaves(self.quantities())}

    def quantities(self) -> dict[str, Quantity]:
        """The losses and the error of the sum, by dotted key."""
        losses = {f"loss.{name}": Quantity(None if np.isnan(v) else v, "nats") for name, v in self.losses.items()}
        follows = {"tracer_error": Quantity(self.tracer_error, "1")} if self.tracers else {}
        return {"sum_error": Quantity(self.sum_error, "1"), **follows, **losses}


def trace(
    model: str | Path | LanguageModel,
    output: str | Path,
    *,
    prompt: str | Sequence[str] = (),
    text: str | Path | Sequence[str | Path] = (),
    prompts: str | Path | None = None,
    ids: Sequence[str | Iterable[int]] = (),
    chat: bool = False,
    tokens: int | None = None,
    parts: str = "auto",
    weights: bool = False,
    lens: str = "layers",
    tracers: Sequence[Tracer] = (),
    seed: int = 0,
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress = lambda done, total: None,
) -> TraceResult:
    """Records the inference of texts into a trajectory with the layers as time.

    Args:
        model: the path of a folder in Hugging Face's layout or of a GGUF file, or a model of transformers that is open.
        output: the file to write.
        prompt: a text, or several.
        text: a file that is one text, or several.
        prompts: a file of texts: a list, or a mapping of names to texts, in .yaml or .json, else one a line.
        ids: token ids of a text each.
        chat: put each text into the model's chat template.
        tokens: keep the first tokens of each text; all by default.
        parts: "full" keeps the write of each head and each MLP on each token, "work" their projections only (work,
            component along the stream, length), "auto" what they have room for: full up to 2 GiB.
        weights: keep the attention weights.
        lens: keep energies and entropies of the logit lens after each of the "layers", at all "steps", or "none".
        tracers: structures of passive particles, each planted at a token (`place: {kind: token, index: -1}`) in front
            of a layer (`plant_at`, from 0).
        seed: of their random frames and jitter.
        threads: of PyTorch; all cores by default.
        overwrite: whether an existing file may be replaced.
        progress: called as layers of texts are done.

    Raises:
        InputError: if the model is of no family that can be traced, a text is missing, empty or longer than the
            context, the parts do not sum to the stream, or something does not fit into memory; no file is written.
        WriteError: if the output cannot be written; an existing file is unchanged.
    """
    for name, value, known in (("parts", parts, PARTS), ("lens", lens, LENS)):
        if value not in known:
            raise InputError(f"is one of {', '.join(known)}.", parameter=name, value=value)
    target = Path(output)
    check_output(target, overwrite=overwrite)
    opened = open_module(model) if isinstance(model, str | Path) else model
    if threads is not None:
        import torch  # it is there: the model is open

        torch.set_num_threads(threads)
    texts = texts_of(
        opened,
        prompt=[prompt] if isinstance(prompt, str) else prompt,
        text=[text] if isinstance(text, str | Path) else text,
        prompts=None if prompts is None else Path(prompts),
        ids=ids,
        chat=chat,
        tokens=tokens,
    )
    source = Path(model) if isinstance(model, str | Path) else None
    return _trace(opened, source, target, texts, parts, lens, tracers, seed, weights=weights, progress=progress)


def _trace(
    opened: LanguageModel,
    source: Path | None,
    target: Path,
    texts: dict[str, Prompt],
    parts: str,
    lens: str,
    tracers: Sequence[Tracer],
    seed: int,
    *,
    weights: bool,
    progress: Progress,
) -> TraceResult:
    from gasfield.tracing.capture import eager
    from gasfield.tracing.families import transformer_of
    from gasfield.tracing.layers import Texts
    from gasfield.tracing.tracers import TracersInTexts
    from gasfield.tracing.writing import TraceWriter

    module = getattr(opened, "module", None)
    if module is None:
        raise InputError(
            f"{opened.name}: has no modules of transformers; give the path of the model.", parameter="model"
        )
    model = transformer_of(opened.name, module)
    sizes = _sizes(model, texts)
    full = _keeps_parts(parts, sizes, target)
    _require_room(sizes, texts, target, full=full, weights=weights)
    followers = TracersInTexts(tracers, model, {name: len(text.ids) for name, text in texts.items()}, seed=seed)
    counted = _Counted(progress, len(texts) * (sizes.layers + 1))
    with eager(module) if weights else nullcontext(), draft_of(target) as draft:
        passing = Texts(model, {name: text.ids for name, text in texts.items()}, followers, counted)
        provenance = _provenance(opened.name, source, model, full=full, lens=lens, weights=weights)
        provenance |= {"texts": len(texts), **followers.provenance}
        kept = {"full": full, "weights": weights}
        start, has_lens = passing.states(), lens != "none"
        with TraceWriter(draft, texts, start, sizes, provenance, lens=has_lens, tracers=followers, **kept) as file:
            error, losses = passing.write(file, lens=lens, **kept)
            file.describe(sum_error=error, **({"tracer_error": followers.error} if tracers else {}))
    lengths = {name: len(text.ids) for name, text in texts.items()}
    return TraceResult(
        target, opened.name, model.family, sizes, lengths, losses, error, full,
        tracers={one.name: one.rows.stop - one.rows.start for one in followers.plantings},
        tracer_error=followers.error if tracers else float("nan"),
    )  # fmt: skip


def _sizes(model: Transformer, texts: dict[str, Prompt]) -> Sizes:
    tokens = sum(len(text.ids) for text in texts.values())
    return Sizes(model.layers, model.heads, model.dimensions, tokens, model.parallel, model.has_bias)


def _keeps_parts(parts: str, sizes: Sizes, target: Path) -> bool:
    """Whether the writes of all parts are kept."""
    if parts != "auto":
        return parts == "full"
    free = free_disk(target.parent)
    full = sizes.parts_bytes <= layout.MOST and (free is None or 2 * sizes.parts_bytes <= free)
    if not full:
        message = (
            f"the writes of all parts would take {sizes.parts_bytes / 1e9:.1f} GB; only their projections are kept"
        )
        warnings.warn(Note(message), stacklevel=4)
    return full


def _require_room(sizes: Sizes, texts: dict[str, Prompt], target: Path, *, full: bool, weights: bool) -> None:
    """Checks memory and disk before anything is computed."""
    longest = max(len(text.ids) for text in texts.values())
    attention = 4 * sizes.heads * longest**2 if weights else 0
    frame = 4 * sizes.tokens * sizes.dimensions
    require_memory(4 * frame + (2 * sizes.frame_bytes if full else 0) + 4 * attention, "a layer of all texts", "text")
    require_disk(sizes.stream_bytes + (sizes.parts_bytes if full else 0), target.parent, f"{target}", "output")


class _Counted:
    """Counts what is done."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._number = progress, total, 0

    def __call__(self) -> None:
        self._number += 1
        self._progress(self._number, self._total)


def _provenance(
    name: str, source: Path | None, model: Transformer, *, full: bool, lens: str, weights: bool
) -> dict[str, Any]:
    file = {} if source is None else {"model_path": storable(str(source)), "model_sha256": FileDigest.of(source).sha256}
    return {
        "source": layout.SOURCE,
        "title": storable(name),
        "model": storable(name),
        "family": model.family,
        "layers": model.layers,
        "heads": model.heads,
        "parallel": int(model.parallel),
        "norm": model.norms()[0].kind,
        "parts": "full" if full else "work",
        "lens": lens,
        "weights": int(weights),
        **file,
        **versions("torch", "transformers"),
    }
