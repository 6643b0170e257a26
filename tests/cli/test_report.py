"""The report: one page with everything in it, in which nothing of a file is obeyed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from paths import RECORDINGS

import gasfield
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.quantity import Quantity
from gasfield.reporting.page import POLICY
from gasfield.reporting.reporting import labels_of
from gasfield.reporting.side_by_side import deviation
from gasfield.trajectory import TrajectoryWriter

MARKUP = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\"'&lt;\u202e{{7*7}}${7*7}"
EVIL = f"{MARKUP}\x1b[31m\x07\r"
"""What a file may hold; a scenario must not have the last ones."""
SCENARIO = {
    "title": f"A well {MARKUP}", "question": f"Is it warm?{MARKUP}",
    "space": {"kind": "free", "dimensions": 2},
    "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 64, "spread": 0.4}}],
    "forces": [{"kind": "harmonic", "stiffness": 1.0}],
    "dynamics": {"kind": "langevin", "time_step": 0.1, "friction": 1.0}, "temperature": 0.2, "seed": 1,
    "run": {"steps": 400, "record_every": 10}, "diagnostics": ["thermodynamics", "cloud"],
}  # fmt: skip
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section", "article", "h1", "h2",
    "h3", "p", "dl", "div", "dt", "dd", "b", "span", "strong", "figure", "figcaption", "img", "table", "thead", "tbody",
    "tr", "th", "td", "details", "summary", "pre", "code", "ol", "li", "a",
}  # fmt: skip


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert not self.open  # every element has its end

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return "\n".join(self.words)


def check_safe(path: Path) -> Page:
    """The elements of a page are ours, and nothing is loaded or obeyed."""
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert {tag for tag, _ in page.elements} <= ALLOWED
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("src") or "data:image/png;base64,").startswith("data:image/png;base64,")
        assert (attributes.get("href") or "#").startswith("#")
        assert tag != "a" or any(given.get("id") == attributes["href"][1:] for _, given in page.elements)
    assert {"http-equiv": "Content-Security-Policy", "content": POLICY} in [given for _, given in page.elements]
    assert not re.search(r"url\(|@import|https?:", re.search("<style>(.*?)</style>", text, re.DOTALL)[1])
    assert not [character for character in "\x1b\u202e\x07\r" if character in text]
    return page


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that differ by their seed, and a warmer one."""
    folder = tmp_path_factory.mktemp("report")
    for name, change in (("one", {}), ("two", {"seed": 2}), ("warm", {"temperature": 0.4})):
        path = folder / f"{name}.yaml"
        path.write_text(json.dumps(SCENARIO | change), encoding="utf-8")
        gasfield.run(path, output=folder / name, pictures="headline" if name == "one" else "none")
    return folder


def test_a_run_is_a_page_with_everything(runs: Path, tmp_path: Path) -> None:
    made = gasfield.report(runs / "one", tmp_path / "r.html", answer=f"Yes. {EVIL}")
    page = check_safe(made)
    text = page.text
    summary = json.loads((runs / "one" / "summary.json").read_text())
    kinetic = summary["groups"]["gas"]["temperature"]["kinetic"]
    assert Quantity(**kinetic).text() in text
    headings = ["Answer", "Pictures", "All numbers", "What was left out, and why", "Scenario", "Provenance"]
    assert [word for word in page.words if word in headings] == headings
    assert "Is it warm?</title><script>alert(1)</script>" in text
    assert "Yes. </title><script>" in text
    assert "stiffness: 1" in text
    pictures = json.loads((runs / "one" / "run.json").read_text())["pictures"]
    assert len([tag for tag, _ in page.elements if tag == "img"]) == len(pictures) > 0
    for digest in (json.loads((runs / "one" / "run.json").read_text())["scenario_sha256"],):
        assert digest in text
    assert str(runs) not in made.read_text(encoding="utf-8")  # it goes to others


def test_runs_side_by_side(runs: Path, tmp_path: Path) -> None:
    page = check_safe(gasfield.report([runs / name for name in ("one", "two", "warm")], tmp_path / "r.html"))
    numbers = [
        json.loads((runs / name / "summary.json").read_text())["groups"]["gas"] for name in ("one", "two", "warm")
    ]
    values = [Quantity(**each["temperature"]["kinetic"]) for each in numbers]
    far = (values[2].value - values[0].value) / np.hypot(values[2].error, values[0].error)
    assert far > 10
    assert abs((values[1].value - values[0].value) / np.hypot(values[1].error, values[0].error)) < 4
    at = page.words.index("temperature · kinetic")
    assert page.words[at + 1 : at + 4] == [value.text() for value in values]
    assert page.words[at + 5] == f"+{far:.1f}"
    start = page.words.index("What differs between the scenarios")
    differences = page.words[start : page.words.index("All common numbers")]
    assert differences[differences.index("seed") + 1 :][:3] == ["1", "2", "1"]
    assert differences[differences.index("temperature.value") + 1 :][:3] == ["0.2", "0.2", "0.4"]
    assert "friction" not in " ".join(differences)
    assert {"one", "two", "warm", "(two − one)/σ", "(warm − one)/σ"} <= set(page.words)


@pytest.mark.parametrize(
    ("first", "other", "expected"),
    [
        (Quantity(1.0, "1", 0.3), Quantity(2.0, "1", 0.4), 2.0),
        (Quantity(2.0, "1", 0.3), Quantity(1.0, "1", 0.4), -2.0),
        (Quantity(1.0, "1", 0.3), Quantity(2.0, "length", 0.4), None),
        (Quantity(1.0, "1", None), Quantity(2.0, "1", 0.4), None),
        (Quantity(1.0, "1", 0.0), Quantity(2.0, "1", 0.0), None),
        (Quantity(None, "1", None), Quantity(2.0, "1", 0.4), None),
        (None, Quantity(2.0, "1", 0.4), None),
        (Quantity(1.0, "1", 1e-17), Quantity(1.0 + 2e-16, "1", 1e-17), None),
    ],
)
def test_a_difference_is_in_units_of_the_combined_error(
    first: Quantity | None, other: Quantity | None, expected: float | None
) -> None:
    assert deviation(first, other) == (None if expected is None else pytest.approx(expected))


def test_deviations_of_equal_laws_are_normal() -> None:
    """Means of independent samples of one law differ by more than two combined errors in 4.6% of cases, up to the
    tails of Student's t; those of laws half an error apart do so more often."""
    chance = np.random.default_rng(0)

    def share(shift: float) -> float:
        sides = chance.normal(size=(2, 4000, 100))
        sides[1] += shift
        quantities = [
            [Quantity(mean, "1", error) for mean, error in zip(side.mean(1), side.std(1, ddof=1) / 10, strict=True)]
            for side in sides
        ]
        return float(np.mean([abs(deviation(a, b)) > 2 for a, b in zip(*quantities, strict=True)]))

    expected, error = 0.0469, np.sqrt(0.047 * 0.953 / 4000)  # t with 198 degrees of freedom
    assert abs(share(0.0) - expected) < 4 * error
    assert share(0.2) - expected > 10 * error


def test_a_recording_needs_no_scenario(tmp_path: Path) -> None:
    made = gasfield.report(RECORDINGS / "kjv-fp32.h5", tmp_path / "r.html", diagnostics=["cloud"], pictures=False)
    page = check_safe(made)
    assert "Scenario" not in page.words
    assert "Main numbers" in page.words
    assert "recording" in page.words
    assert "kjv.txt.xz" in page.text


def test_a_comparison_with_the_real_one(tmp_path: Path) -> None:
    overrides = ["run.steps=40", "diagnostics=[cloud]"]
    gasfield.run("dead-token-drift", overrides=overrides, output=tmp_path / "run", pictures="none")
    page = check_safe(gasfield.report(tmp_path / "run", tmp_path / "r.html"))
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())["comparison"]
    assert page.words.count(Quantity(**summary["displacement_error"]).text()) >= 2  # in the answer and in the table
    radius = summary["groups"]["dead"]["radius"]
    at = max(i for i, word in enumerate(page.words) if word == "radius")
    assert page.words[at + 1] == Quantity(**radius["real"]).text()
    assert page.words[at + 2] == Quantity(**radius["simulated"]).text()
    ratio = radius["difference"]["value"] / radius["difference"]["error"]
    assert page.words[at + 4].lstrip("+−") == f"{abs(ratio):.1f}"


def test_hostile_names_and_results_are_text(tmp_path: Path) -> None:
    gas = Gas(np.zeros((4, 2)), names=[EVIL], species=np.zeros(4, int), tokens=[EVIL] * 4,
              token_ids=np.arange(4))  # fmt: skip
    with TrajectoryWriter(tmp_path / "t.h5", gas, precision="float64", provenance={"title": EVIL, "x": EVIL}) as writer:
        for step in range(4):
            writer.frame(step, float(step), np.random.default_rng(step).normal(size=(4, 2)))
    page = check_safe(gasfield.report(tmp_path / "t.h5", tmp_path / "r.html", title=EVIL, diagnostics=["cloud"]))
    assert "alert(1)" in page.text


def test_a_summary_of_others_is_text(runs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("scenario.yaml", "run.json", "trajectory.h5"):
        (folder / name).write_bytes((runs / "one" / name).read_bytes())
    summary = {
        "title": EVIL, "question": 7, "run": [], "notes": [{"note": EVIL}, EVIL, 3], "left_out": EVIL,
        "groups": {EVIL: {EVIL: {"value": 1.0, "unit": EVIL, "error": 0.5}, "x": {"value": EVIL}}}, "comparison": EVIL,
    }  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "plots").mkdir()
    (folder / "plots" / "gas-cloud.png").write_text("<svg onload=alert(1)>")
    page = check_safe(gasfield.report(folder, tmp_path / "r.html"))
    assert "1.00(50)" in page.text
    assert any("is no PNG" in word for word in page.words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("none", "-o", "r.html"), "no such file"),
        (("one", "-o", "r.txt"), "--output r.txt: must end in .html."),
        (("one", "-o", "none/r.html"), "there is no folder none"),
        (
            ("one", "-o", "r.html", "--headline", "groups.gas.temperature.kinetc"),
            "there is groups.gas.temperature.kinetic",
        ),
        (("one", "-o", "r.html", "--only", "nothing"), "there is no kind 'nothing'"),
        (("empty", "-o", "r.html"), "no trajectory.h5 in this folder"),
        (("one",) * 21 + ("-o", "r.html"), "give 1 to 20 runs, not 21"),
    ],
)
def test_what_cannot_be_reported_leaves_nothing(
    gasfield: Callable, runs: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    (runs / "empty").mkdir(exist_ok=True)
    given = [str(runs / word) if word in ("one", "none", "empty") else word for word in words]
    done = gasfield("report", *given)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_page_is_not_replaced_unasked(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "r.html").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        gasfield.report(runs / "two", tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text() == "mine"
    gasfield.report(runs / "two", tmp_path / "r.html", overwrite=True, headline=["groups.gas.temperature.kinetic"])
    assert Page((tmp_path / "r.html").read_text(encoding="utf-8")).elements


def test_labels_tell_paths_apart() -> None:
    assert labels_of([Path("/a/one"), Path("/a/two")]) == ["one", "two"]
    assert labels_of([Path("/a/x/001"), Path("/a/y/001")]) == ["x/001", "y/001"]
    assert labels_of([Path("/a/x"), Path("/a/x")]) == ["1: x", "2: x"]
