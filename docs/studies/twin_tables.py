"""The tables of the twin study, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from precision_effects import OverSeeds
from precision_replays import Cloud
from precision_tables import determined, markdown
from twin_laws import LAWS
from twin_measures import (
    LABELS,
    REAL,
    Measure,
    Recorded,
    apart,
    contracted,
    drifted,
    half_frozen,
    lost,
    over,
    piled,
    still,
    stopped,
    straightness,
    unmoved,
)
from twin_training import CHECK_STEPS, MIXED, MIXED_BASE, MIXED_NAME, TRAINED, rows_of

BASE = "bf16-fp32state"
"""The field in which the laws of the other trainings are predicted: a training that one would have, and would cure."""
CHECKED: dict[str, tuple[Measure, int]] = {
    "contraction [%]": (contracted, 1),
    "unmoved a step [%]": (unmoved, 1),
    "frozen [%]": (stopped, 1),
    "near a power of two [%]": (piled, 1),
    "centroid went": (drifted, 3),
}
"""Measures that predictions are compared in, with digits."""


def of_law(runs: Sequence[Recorded], law: str) -> list[Recorded]:
    """Those trained under a law, by seed."""
    return [run for run in runs if run.law == law]


def table_of_trainings(runs: Sequence[Recorded]) -> str:
    """What was trained."""
    head = [
        "trained with",
        "seeds",
        "steps",
        f"loss at step {CHECK_STEPS}",
        "contraction [%]",
        "frozen [%]",
        "half frozen at step",
    ]
    head += ["unmoved a step [%]", "near a power of two [%]", "centroid went"]
    rows = []
    for name in TRAINED:
        group = of_law(runs, name)
        if group:
            loss = over(group, lambda run: float(run.cloud(REAL)["loss"][CHECK_STEPS - 50 : CHECK_STEPS].mean()))
            cells = [LAWS[name].label, str(len(group)), str(group[0].steps), loss.text(3, effect=False)]
            rows.append([*cells, *_outcome(group, REAL)])
    return markdown(head, rows)


def _outcome(group: Sequence[Recorded], name: str) -> list[str]:
    """Contraction, freezing, powers of two and drift of a cloud, over seeds."""

    def at_end(measure: Measure, digits: int) -> str:
        return over(group, lambda run: measure(run.cloud(name), run.steps)).text(digits, effect=False)

    half = determined([half_frozen(run.cloud(name)) for run in group]) if group else "–"
    return [
        at_end(contracted, 1),
        at_end(stopped, 1),
        half,
        *(at_end(unmoved, 1), at_end(piled, 1), at_end(drifted, 3)),
    ]


def table_of_laws(group: Sequence[Recorded]) -> str:
    """Every law in the fields of one precision."""
    head = ["law", "bytes a weight", "contraction [%]", "frozen [%]", "half frozen at step", "unmoved a step [%]"]
    head += ["near a power of two [%]", "centroid went", "straightness", "rows that differ, of those published"]
    head += ["lost to rounding [%]", "from where it would be [cells]"]
    rows = []
    for name, law in LAWS.items():
        straight = over(group, lambda run, name=name: straightness(run.cloud(name)))  # type: ignore[misc]
        cells = [law.label, f"{law.bytes:.3g}", *_outcome(group, name), straight.text(2, effect=False)]
        cells.append(", ".join(_range([int(run.cloud(name)[key][-1]) for run in group]) for key in _DISTINCT))
        if law is LAWS[law.unrounded]:
            rows.append([*cells, "", ""])
            continue
        losses = (over(group, lambda run, f=f, name=name: f(run, name)) for f in (lost, apart))  # type: ignore[misc]
        rows.append([*cells, *(number.text(1, effect=False) for number in losses)])
    return markdown(head, rows)


_DISTINCT = ("distinct", "distinct_published")


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def table_of_kinds(group: Sequence[Recorded]) -> str:
    """Kinds of motion under every law in the fields of one precision."""
    head = ["law", "translation [%]", "rotation [%]", "dilation [%]", "shear [%]", "remainder [%]"]
    head += ["translation, whole run [%]", "all linear, whole run [%]", "remainder, whole run [%]"]
    rows = []
    for name, law in LAWS.items():
        early = _shares([run.cloud(name) for run in group], "early_kinds")
        late = _shares([run.cloud(name) for run in group], "kinds")
        linear = 100 - late[:, 4]
        columns = [*early.T, late[:, 0], linear, late[:, 4]]
        rows.append([law.label, *(determined(list(column)) for column in columns)])
    return markdown(head, rows)


def _shares(clouds: Sequence[Cloud], key: str) -> NDArray[np.float64]:
    """(seeds, 5) translation, rotation, dilation, shear, remainder [per cent]."""
    kinds = 100.0 * np.array([cloud[key] for cloud in clouds])
    return np.column_stack([kinds[:, :4], kinds[:, 4:].sum(axis=1)])


# Predictions and trainings.


def paired(runs: Sequence[Recorded], law: str, base: str) -> list[tuple[Recorded, Recorded]]:
    """Trainings under a law, each with that of the same seed whose field is to predict it."""
    fields = {run.seed: run for run in of_law(runs, base)}
    return [(run, fields[run.seed]) for run in of_law(runs, law) if run.seed in fields]


def table_of_checks(runs: Sequence[Recorded], base: str = BASE) -> str:
    """Predictions beside trainings under the law that was predicted."""
    head = ["law", "seeds", "by step", "measure", f"training with {LABELS[base]}", "predicted in its field"]
    head += ["training with the law", "prediction less training", "replay in its own field, less training"]
    rows = []
    for law in TRAINED:
        pairs = [] if law == base else paired(runs, law, base)
        for place, (what, (measure, digits)) in enumerate(CHECKED.items() if pairs else ()):
            numbers = [_numbers(own, field, law, measure) for own, field in pairs]
            before, predicted, happened, replayed = (OverSeeds(one) for one in zip(*numbers, strict=True))
            cells = [LAWS[law].label, str(len(pairs)), str(pairs[0][0].steps)] if not place else ["", "", ""]
            cells += [what, *(one.text(digits, effect=False) for one in (before, predicted, happened))]
            rows.append([*cells, _less(predicted, happened, digits), _less(replayed, happened, digits)])
    return markdown(head, rows)


def _numbers(own: Recorded, field: Recorded, law: str, measure: Measure) -> tuple[float, float, float, float]:
    """Of the training whose field predicts; predicted; of the training under the law; replayed in its own field."""
    clouds = field.cloud(REAL), field.cloud(law), own.cloud(REAL), own.cloud(law)
    before, predicted, happened, replayed = (measure(cloud, own.steps) for cloud in clouds)
    return before, predicted, happened, replayed


def _less(one: OverSeeds, other: OverSeeds, digits: int) -> str:
    return OverSeeds(tuple(a - b for a, b in zip(one.values, other.values, strict=True))).text(digits)


def checks(runs: Sequence[Recorded], law: str, measure: Measure) -> tuple[OverSeeds, OverSeeds]:
    """A measure of a law: predicted in the field of `BASE`, and of trainings under it."""
    numbers = [_numbers(own, field, law, measure) for own, field in paired(runs, law, BASE)]
    return OverSeeds(tuple(one[1] for one in numbers)), OverSeeds(tuple(one[2] for one in numbers))


def effects(runs: Sequence[Recorded], law: str, base: str, measure: Measure) -> tuple[OverSeeds, OverSeeds]:
    """By how much a law changes a measure against the training whose field predicts it: predicted, and in training."""
    pairs = paired(runs, law, base)
    numbers = [_numbers(own, field, law, measure) for own, field in pairs]
    predicted = tuple(after - before for before, after, _, _ in numbers)
    return OverSeeds(predicted), OverSeeds(tuple(happened - before for before, _, happened, _ in numbers))


def table_of_effects(runs: Sequence[Recorded]) -> str:
    """Effects of changing the law, in the given field and through the field that it makes."""
    head = ["from", "to", "of the law, in the given field", "in training, in all", "the rest: of the changed field"]
    rows = []
    for base in LABELS:
        for law in TRAINED:
            if law == base or not paired(runs, law, base):
                continue
            predicted, happened = effects(runs, law, base, contracted)
            rest = _less(happened, predicted, 1)
            rows.append([LABELS[base], LAWS[law].label, predicted.text(), happened.text(), rest])
    return markdown(head, rows)


# Laws of parts of the dead rows in one training.

MIXED_MEASURES: dict[str, tuple[Measure, int]] = {
    "contraction [%]": (contracted, 1),
    "centroid went": (drifted, 3),
    "near a power of two [%]": (piled, 1),
    "still for 50 steps [%]": (still, 1),
}


def mixed_numbers(runs: Sequence[Recorded], law: str, measure: Measure) -> tuple[OverSeeds, OverSeeds, OverSeeds]:
    """Of the rows of a law in mixed trainings: predicted in the field of a plain training, replayed in the field of
    the mixed one, and in training."""
    plain, rows = {run.seed: run for run in of_law(runs, MIXED_BASE)}, rows_of(law)
    pairs = [(run, plain[run.seed]) for run in of_law(runs, MIXED_NAME) if run.seed in plain]
    clouds = [(other.cloud(law, rows), own.cloud(law, rows), own.cloud(REAL, rows), own.steps) for own, other in pairs]
    found = [[measure(cloud, step) for cloud in (a, b, c)] for a, b, c, step in clouds]
    predicted, replayed, happened = (OverSeeds(tuple(one)) for one in zip(*found, strict=True))
    return predicted, replayed, happened


def table_of_mixed(runs: Sequence[Recorded]) -> str:
    """Predictions for parts of the dead rows, and what became of them."""
    head = ["law of the rows", "measure", "predicted", "in training", "prediction less training"]
    head += ["replay in its own field, less training"]
    rows = []
    for law in MIXED:
        for place, (what, (measure, digits)) in enumerate(MIXED_MEASURES.items()):
            predicted, replayed, happened = mixed_numbers(runs, law, measure)
            cells = [LAWS[law].label if not place else "", what]
            cells += [one.text(digits, effect=False) for one in (predicted, happened)]
            rows.append([*cells, _less(predicted, happened, digits), _less(replayed, happened, digits)])
    return markdown(head, rows)
