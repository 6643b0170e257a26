"""The text of the page on black holes; names in braces are replaced by what was measured."""

PAGE = """# Black holes: identical rows in a published cast

Made by `make black-holes` (about half an hour on one core; `docs/studies/black_holes*.py`). The question:
Qwen3-4B-Instruct-2507 was published in bfloat16 with 2,100 rows in 13 groups of identical rows (814, 704, 306, 228,
11, 10, 6, 5, 4, 4, 3, 3, 2), Qwen3-4B-Base with 62 groups, Qwen2.5-3B-Instruct with 60, Llama 3.2 3B and Gemma 3 4B
with none. Rows that never occur feel nearly one field. Under decoupled decay their differences shrink like exp(−L),
L = Σ ηλ. Are these groups what one then gets?

**In number and size, yes; in their coordinates, no.**

* A cloud of float32 masters in a common field passes through such numbers and sizes while L grows by about two, and
  through no others in between. But which cell a row lies in is then independent from coordinate to coordinate, and
  the published cells are not.
* The published rows lie in three lumps, each of them narrower than a cell, that differ from each other in several
  coordinates at once, by up to eight cells with nothing in between. None of the mechanisms that were simulated here
  gives that{except}.
* So the sizes alone, which look like a product (p = 0.14 for the four large groups), misled.

![Groups over L](../figures/black-holes-passage.png)

2,100 rows in 2,560 dimensions in a common field, constant rate, weights of the published size; dotted: the published
models. The number of groups changes several times over whenever a coordinate meets or leaves a boundary: 62 and 13
groups are no more different than two casts of one run.

![Cells of published and simulated rows](../figures/black-holes-cells.png)

All 2,100 rows; dark where a row is not in the commonest cell of a coordinate. Published: three lumps (one of them
cut by a boundary: 814 and 228 rows). Simulated in a common field: every coordinate cuts the groups of all others in
the same proportion.

## For a contracting cloud

* **Number.** At the published size of the weights (norm 0.37), 8 to 20 groups with at most 5% of rows outside occur
  from L = {few_from} to {few_to}; between L = 16 and 17.5 in {in_window} casts, in {like} of which sizes are about
  the published ones too (largest 20 to 60% of the rows, largest four above 90%). 40 to 80 groups: L = {sixty_from}
  to {sixty_to}. Before, hardly two rows are identical (no groups); after, all are one.
* **How many boundaries.** A coordinate is split with probability min(1, r/cell), r the range of the masters (about
  6.8 standard deviations for 2,100 rows). Measured numbers of split coordinates are {ratio} times the sum of these
  (mean of the ratio over casts in 2,560 dimensions; mean square of the deviation over the prediction: {chi}, 1 for
  independent events). Thirteen groups need four or five.
* **When.** At most 20 groups are first seen at L = ln(σ₀/|W|) + {c64} in 64 dimensions ({n64} runs: rates 10⁻⁴ to
  10⁻³, decays 0.03 to 0.3, σ₀ 0.006 to 0.1, weak and strong fields; |W| the median weight), and + {c2560} in 2,560.
  Rate and decay count by their product only, and by the size |W| at which they balance the field.

## Against it

* **The published coordinates are not independent.** The 13 groups differ in 20 coordinates (notebook 1.9d of J.
  Harrell, Azimuth II). With the published shares, independent coordinates have {null_groups} groups and
  {null_singles} rows without a twin (200 permutations). Coordinate 322 divides the rows into 1,070 and 1,030,
  coordinate 1487 into 1,776 and 324; 165 rows would be in both minorities of the first and second kind, and 10 are.
  Seven pairs of coordinates divide the rows in the same way; in a common field none of the casts has such a pair.
* **Empty cells.** Coordinate 322 (|W| = 0.0034) has two values two cells apart, and coordinate 1487 (2.3·10⁻⁴) two
  that are eight apart. A smooth cloud fills the cells between. Differences of up to 10 cells near zero (1008, 1382,
  1435, at 10⁻⁶) are no riddle: cells are small there.
* **Rows are not exchangeable.** In Qwen2.5-3B-Instruct, of 40 groups whose ids are all printed, {mixed} has padding
  or special ids (from 151,643 on) beside others; drawn at random it would be {mixed_null} (9,999 permutations).
* **Public recipes miss the window**, or it is chance that they meet it:

{recipes}

  In 2,560 dimensions, 2,100 rows, weights of the published size, rates ten times and steps a tenth of the recipe's.
  The recipe of the published models is not public. Where the field is strong (|W| of the order of 1) the window lies
  at L = 9, but then weights have a hundred times the published size. OLMo 2 and SmolLM3 do not decay their
  embeddings: L = 0.

## Mechanisms

{mechanisms}

Casts with 8 to 20 groups and at most 5% of rows outside. Split: median number of split coordinates. p: of
independent coordinates (199 permutations, .005 at least). Alike: casts with two coordinates that divide the rows in
the same way (|φ| > 0.9). Leaps: with a coordinate, |W| above 3% of the median, whose two sides have empty cells
between. Successive casts of a run are not independent. 64 dimensions and 1,000 or 2,100 rows unless said; constant
rate.

* *Common*: one gradient for all. Weak: the field balances decay at the published size; strong: updates of the size
  of the rate; wandering: its mean is renewed over 2,000 steps. *No field*: weights shrink with their differences,
  and cells with them: no groups at any L.
* *Tidal*: the recorded tidal part in addition, at the masters, or at their casts as a training computes it. In the
  published dimension its spectrum is scaled with |h| ~ √D (300 rows, from L = 13.5 on).
* *Restart*: a cast with at most 62 groups becomes the masters of a further training with a field of its own (L =
  0.02 or 1).
* *bfloat16 weights*: no masters. The decay is below half a cell and rounds away; in a weak field nothing moves.
* *Identical start*: rows that start as one stay one, with any law. With a relative noise of 2⁻⁹ of each row's
  gradient they form a stationary cloud.

## The field

A stationary surrogate of the last 250 steps of the shipped float32 recording: mean and fluctuation of each
coordinate of the gradient over its norm, first-order autoregression with the recorded correlation of successive
steps (0.49), mean of H/|g|; the direction of the mean is steady (cosine of the two halves 0.99). Its strength is the
only free number. In a common field differences of rows do not depend on it at all, except by rounding and through
the cells in which the weights lie. The arithmetic is that of AdamW in float32, to the bit
(tests/unit/test_black_holes_study.py); β = 0.9, 0.95, ε = 10⁻⁸, rows N(0, 0.02).

## Not known

* What made the lumps. It must move hundreds of rows by the same cells in a few coordinates and leave the others
  where they are. Kernels, shards or merges of checkpoints that treat rows in classes would; nothing here tests them.
* The rows of Qwen3-4B-Base and Qwen2.5-3B-Instruct cell by cell: only their sizes are public in print. `gasfield
  inspect` tells, where the files are at hand.
* Fields of long trainings: the recording has 500 steps of a small model, and Adam's ε decides how far dead rows feel
  them at all.

Sources: Azimuth II (github.com/Embedding-Space/Azimuth_II, notebooks 1.9a–k, 11.1a, 07.3m, 07.3n) and Workshop
(github.com/jefferyharrell/Workshop) for what is published; recipes: arXiv 2304.01373 (Pythia), 2307.09288 (Llama 2),
2405.04434 and the model card (DeepSeek-V2-Lite), the configurations of SmolLM3.
"""
