"""The text of the page on black holes; names in braces are replaced by what was measured."""

PAGE = """# Black holes: identical rows in a published cast

Made by `make black-holes` (about ten minutes of one core; `docs/studies/black_holes*.py`). Qwen3-4B-Instruct-2507
was published in bfloat16 with 2,100 rows in 13 groups of identical rows (814, 704, 306, 228, 11, 10, 6, 5, 4, 4, 3,
3, 2), Qwen3-4B-Base with 62 groups, Qwen2.5-3B-Instruct with 60, Llama 3.2 3B and Gemma 3 4B with none. Rows that
never occur feel nearly one field. Under decoupled decay their differences shrink like exp(−L), L = Σ ηλ, until a
bfloat16 cast merges them. Are these groups what one then gets?

**In number and size, yes. In their coordinates, no, unless a cast was trained further.**

* *Contraction alone.* A cloud of float32 masters in a common field passes through such numbers and sizes while L
  grows by about two. But then the cell of a row in one coordinate says nothing of its cell in another, and the
  published cells are not of that kind: 13 groups, where independent coordinates with the same shares have
  {null_groups}. Four large sizes that look like a product (p = 0.14) misled.
* *A cast that is trained further.* If the published base becomes the masters of a further training, rows with one
  cast are equal and stay so, and the tidal part of the field carries a difference of one cell in one coordinate into
  all others. The rows then lie in a few lumps, as the published ones do. Of {restarted} such casts with 8 to 20
  groups {dependent} are dependent, {alike} have coordinates that divide the rows in the same way, and {whole} agree
  with the published one in sizes and empty cells too. Without the further training, or without its tidal part,
  {others_whole} of {others} casts agrees in all of this.

![Cells of published and simulated rows](../figures/black-holes-cells.png)

All rows (from top to bottom) and the coordinates in which they differ; dark: not in the commonest cell. Published:
three lumps, one of them cut by a boundary (814 and 228 rows). Common field: each coordinate cuts the groups of all
others in the same proportion. Restart: a cast at L = 15 to 16, trained further with the tidal part: a lump differs
from another in several coordinates at once.

![Groups over L](../figures/black-holes-passage.png)

Three clouds of 2,100 rows in 2,560 dimensions in a common field, weights of the published size; dotted: the
published models. The number changes several times over whenever a coordinate meets or leaves a boundary.

## What a contracting cloud gives

* **Number and sizes.** At the published size of the weights (norm 0.37) there are 8 to 20 groups, at most 5% of rows
  outside, from L = {few_from} to {few_to}: in {in_window} casts between L = 16 and 17.5, {like} of which also have
  sizes like the published (largest 20 to 60% of the rows, largest four above 90%). 40 to 80 groups: L = {sixty_from}
  to {sixty_to}. Earlier hardly two rows are equal, later all are. 62 groups in one model and 13 in another differ no
  more than two casts of one run.
* **Boundaries.** A coordinate is split with probability min(1, r/cell), r the range of the masters (6.8 standard
  deviations for 2,100 rows). The sum over coordinates predicts the measured number: ratio {ratio}, mean square of
  the deviation over the prediction {chi} (1 for independent events). Thirteen groups need four or five.
* **When.** At most 20 groups are first seen at L = ln(σ₀/|W|) + {c64} in 64 dimensions ({n64} runs, every 0.1 to
  0.25 in L: {scanned}), + {c2560} in 2,560 dimensions; |W| is the median weight. Rate and decay count by their
  product, and by the size |W| at which decay balances the field.
* **Public recipes** (2,560 dimensions, rates ten times and steps a tenth of the recipe's):

{recipes}

In 2,560 dimensions all end before the window, or beyond it: a recipe has to meet a window of two in L out of a range
from 0 to 90.
OLMo 2 and the real SmolLM3 do not decay their embeddings: L = 0. That of the published models is not public. With
all their steps in 64 dimensions, where the window is at L = 10 to 14, the final groups are (SmolLM3's run was stopped
at L = 18): {all_steps}.

## Evidence against contraction alone

* **Dependence.** The 13 groups differ in 20 coordinates (bits printed in notebook 1.9d of Azimuth II). Permuted over
  the rows these have {null_groups} groups and {null_singles} rows without a twin (200 permutations); the published
  ones 13 and 0 (39 with all rows of the same exponents). Coordinate 322 divides the rows into 1,070 and 1,030,
  coordinate 1487 into 1,776 and 324: 165 rows would be on the first side of the one and the second of the other, and
  10 are. Seven pairs of coordinates divide the rows in the same way.
* **Empty cells.** Coordinate 322 (|W| = 0.0034) has two values two cells apart, coordinate 1487 (2.3·10⁻⁴) two that
  are eight apart, with nothing between. A smooth cloud fills them. Differences of up to 11 cells at |W| ~ 10⁻⁶
  (1008, 1382, 1435) are no riddle: cells are small there.
* **Rows are not exchangeable.** In Qwen2.5-3B-Instruct, of 40 groups whose ids are all printed, {mixed} has padding
  or special rows (ids from 151,643 on) beside others; at random {mixed_null} would (9,999 permutations). No
  mechanism here explains that.

## Mechanisms

{mechanisms}

Casts with 8 to 20 groups and at most 5% of rows outside. *Split*: median number of split coordinates. *p*: of
independent coordinates (199 permutations, 0.005 at least). *Alike*: casts with two coordinates that divide the rows
in the same way (|φ| > 0.9). *Leaps*: with a coordinate, |W| above 3% of the median, between whose two sides cells
are empty. *All*: casts like the published in sizes, p, alike and leaps. Casts of one run are not independent. 64
dimensions unless said, constant rate. In a weak field decay balances the field at the published size of the weights;
in a strong one updates are of the size of the rate (tidal and restart: strength 0.1 and 0.05 times ε).

* *Common*: one gradient for all; *wandering*: its mean is renewed every 2,000 steps. *No field*: weights and cells
  shrink with the differences, and there are no groups at any L.
* *Tidal*: with the recorded tidal part, at the masters, or at their casts as a training in bfloat16 computes it. In
  2,560 dimensions its spectrum grows with |h| ~ √D (300 rows, from L = 13.5 on).
* *Restart*: 2,560 dimensions; the first cast with at most 62 groups becomes the masters of a training of L = 0.02 in
  a field of its own (7 casts a run). A strong tidal part without a restart makes sizes dependent too (2 of 3 casts
  each), but no lumps: no pair is alike, no cell is empty.
* *bfloat16 weights*: no masters; a decay below half a cell rounds away. In a weak field nothing moves; in a strong
  one cells grow with the weights and merge all rows, through few groups, in one or two coordinates.
* *Identical start*: rows that start as one stay one. With a relative noise of 2⁻⁹ in the gradient of each row
  float32 masters form a cloud whose width does not depend on L: groups of such numbers and sizes at any L in 64
  dimensions (in 2,560 it would split forty times as many coordinates), and a product.

## The field

A stationary surrogate of the last 250 steps of the shipped float32 recording: mean and fluctuation of each
coordinate of the gradient over its norm, autoregression with the recorded correlation of successive steps (0.49),
the mean of H/|g|. The mean is steady (cosine of the two halves 0.99). Its strength is chosen (above), and so are the
scaling of H to 2,560 dimensions and the time over which a mean wanders. In a common field differences of rows do not
depend on it, except by rounding and by the cells in which the weights lie. AdamW in float32, to the bit
(`tests/unit/test_black_holes_study.py`); β = 0.9, 0.95, ε = 10⁻⁸, rows N(0, 0.02).

## Not known

* Whether these models were trained further from a cast: it is not public. How many pairs are alike (published 7,
  simulated {pairs} in casts that agree) depends on the strength of the later field, which was chosen.
* Why rows group by their ids in Qwen2.5-3B: shards, kernels or initial values by class would do it, and were not
  tested.
* The cells of Qwen3-4B-Base and Qwen2.5-3B-Instruct. If the restart is right, groups of the Instruct model are
  unions of groups of its base; `gasfield inspect` tells where both files are at hand.
* Fields of long trainings: the recording has 500 steps of a small model.

Sources. Published rows: J. Harrell, Azimuth II (github.com/Embedding-Space/Azimuth_II, notebooks 1.9a to 1.9k,
07.3m, 11.1a) and Workshop (github.com/jefferyharrell/Workshop). Recipes: arXiv 2304.01373 (Pythia), 2307.09288
(Llama 2), 2405.04434 and the model card (DeepSeek-V2-Lite), 2501.00656 (OLMo 2), the configurations of SmolLM3.
"""
