"""Does a transformer stretch the neighbourhood of a token, in which directions, and does that say how open the next is?

For twelve texts of different kinds: the whole Lyapunov spectrum over depth of a few tokens drawn at random, raw and of
the normalised stream; how much of the leading directions lies in the leading directions of the unembedding; and, for
all tokens, the rank correlation of the mean stretch with the entropy of the next token. Writes
docs/studies/depth-exponents.md and docs/figures/depth-exponents.png. Run by `make study`; about fifteen minutes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from depth_exponents_page import LAYERS, page
from depth_exponents_picture import draw
from numpy.typing import NDArray
from smollm2 import open_smollm2

from gasfield.files import write_file
from gasfield.streams import Stream, generator
from gasfield.tracing.expansion import mean_stretch, overlap, unembedding_axes
from gasfield.tracing.exponents import spectrum
from gasfield.tracing.families import Transformer, transformer_of
from gasfield.tracing.passive import Host, follow, run_host

Values = NDArray[np.float64]
HERE = Path(__file__).parent
KEPT = Path(tempfile.gettempdir()) / "gasfield-depth-exponents"
"""Intermediate results, so that a study that was cut off goes on."""
TOKENS = 2
"""Tokens of each text whose whole spectrum is computed."""
LENGTH = 128
"""Tokens of each text."""
TANGENTS = 6
"""Random tangents at each token for the mean stretch."""
LATE = 8
"""The first tokens are not drawn: they have next to no predecessors, and the very first is a sink of attention."""
LEADING, SUBSPACE = 10, 50
"""Leading directions of the deformation, and of the unembedding."""


def texts() -> dict[str, str]:
    """The texts by kind."""
    found: dict[str, str] = yaml.safe_load((HERE / "depth-texts.yaml").read_text())
    return found


def model() -> tuple[Transformer, Any]:
    """SmolLM2 and its tokenizer."""
    opened: Any = open_smollm2()
    return transformer_of(opened.name, opened.module), opened.require_tokenizer()


def drawn(number: int, length: int) -> list[int]:
    """Tokens of a text."""
    random = generator(0, Stream.PROBES, number)
    return [int(token) for token in random.choice(np.arange(LATE, length), TOKENS, replace=False)]


def measured(host: Host, token: int, axes: Values) -> dict[str, Values]:
    """What is kept of the spectrum of a token."""
    found = spectrum(host, token, at=[2 * layer for layer in LAYERS], leading=LEADING)
    frames = sorted(found.at)
    shares = [overlap(found.at[frame].directions, axes[:, :SUBSPACE]).value for frame in frames]
    sources = [overlap(found.at[frame].origins, axes[:, :SUBSPACE]).value for frame in frames]
    along = [_along(host, token, frame, found.at[frame].directions[:, 0]) for frame in frames]
    return {
        "frames": np.array(frames),
        "raw": np.array([found.at[frame].raw for frame in frames]),
        "normalised": np.array([found.at[frame].normalised for frame in frames]),
        "growth": found.growth,
        "norms": found.norms,
        "overlap": np.array(shares),
        "overlap_origin": np.array(sources),
        "along": np.array(along),
    }


def _along(host: Host, token: int, frame: int, direction: Values) -> float:
    """|cosine| of a direction with the state."""
    state = host.stream[frame][token].double().numpy()
    return abs(float(state @ direction)) / float(np.linalg.norm(state))


@torch.no_grad()
def of_all_tokens(host: Host, transformer: Transformer) -> dict[str, Values]:
    """Mean stretch and entropy of the next token for every token, and the error of tracers without offset."""
    raw, seen = mean_stretch(host, TANGENTS)
    final = host.stream[host.frames[-1]]
    law = torch.log_softmax(transformer.unembedding(transformer.final(final[None]))[0].double(), dim=1)
    errors = []
    for frame, x in follow(host, host.stream[0].clone(), list(range(host.length))):
        errors.append(((x - host.stream[frame]).norm(dim=1) / host.stream[frame].norm(dim=1)).numpy())
    norms = [host.stream[frame].double().norm(dim=1).numpy() for frame in host.frames]
    entropy = -(law.exp() * law).sum(dim=1).numpy()
    return {"raw": raw, "seen": seen, "entropy": entropy, "error": np.array(errors), "norms": np.array(norms)}


def jobs() -> Iterator[tuple[str, int]]:
    """Everything that is computed, all texts before the next token of each; -1: all tokens of a text."""
    for turn in range(-1, TOKENS):
        for name in texts():
            yield name, turn


def compute() -> None:
    """Computes what is not kept yet."""
    KEPT.mkdir(exist_ok=True)
    if all((KEPT / f"{name}.{turn}.npz").exists() for name, turn in jobs()):
        return
    torch.set_num_threads(1)
    transformer, tokenizer = model()
    axes, _ = unembedding_axes(transformer)
    given, names = texts(), list(texts())
    for name, turn in jobs():
        target = KEPT / f"{name}.{turn}.npz"
        if target.exists():
            continue
        ids = tokenizer.encode(given[name])[:LENGTH]
        host = run_host(transformer, ids)
        if turn < 0:
            found = of_all_tokens(host, transformer)
        else:
            found = measured(host, drawn(names.index(name), len(ids))[turn], axes)
        np.savez(target.with_suffix(".part.npz"), **found)  # type: ignore[arg-type]
        target.with_suffix(".part.npz").rename(target)


def load(name: str, turn: int) -> dict[str, Values]:
    """What was computed."""
    with np.load(KEPT / f"{name}.{turn}.npz") as kept:
        return {key: kept[key] for key in kept.files}


def main() -> None:
    """Computes, writes the page and draws the picture."""
    compute()
    names = list(texts())
    spectra = {name: [load(name, turn) for turn in range(TOKENS)] for name in names}
    tokens = {name: load(name, -1) for name in names}
    write_file(HERE / "depth-exponents.md", page(spectra, tokens, LEADING, SUBSPACE))
    draw(spectra, tokens, HERE.parent / "figures" / "depth-exponents.png")


if __name__ == "__main__":
    main()
