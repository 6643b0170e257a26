"""The page: one run, or several compared. It has no scripts, and a policy by which a browser loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from gasfield.quantity import Quantity
from gasfield.reporting import parts
from gasfield.reporting.headline import headline
from gasfield.reporting.html import Child, Html, element, folded, joined
from gasfield.reporting.side_by_side import SURPRISING, scenario_differences, side_by_side
from gasfield.reporting.subject import Subject
from gasfield.version import __version__

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a browser may load for the page: its own pictures and style."""
_FEW = 40
"""Numbers that are shown at once; more are folded."""
_NULL = 0.0027
"""Probability of a deviation of three standard errors of a normal distribution, on either side."""
_READ = "0.1594(14) means 0.1594 ± 0.0014, one standard error."


def page(
    subjects: Sequence[Subject],
    *,
    title: str | None = None,
    answer: str | None = None,
    keys: Sequence[str] | None = None,
) -> Html:
    """The page as HTML.

    Args:
        subjects: one or several.
        title: of the page; that of the run by default.
        answer: the answer in words, by the user.
        keys: paths of the headline numbers; see `headline`.

    Raises:
        InputError: if there is no such headline number.
    """
    several = len(subjects) > 1
    heading = title or (f"{len(subjects)} runs compared" if several else subjects[0].title)
    body = _several(subjects, answer, keys) if several else _one(subjects[0], answer, keys)
    questions = {subject.question for subject in subjects}
    question = questions.pop() if len(questions) == 1 else ""
    head = element(
        "header",
        element("p", "gasfield report", class_="kicker"),
        element("h1", heading),
        element("p", question, class_="question") if question else None,
    )
    foot = element("footer", element("p", f"{_READ} Made by gasfield {__version__}; this page is complete by itself."))
    return joined(
        Html("<!DOCTYPE html>\n"),
        element("html", _head(heading), element("body", element("main", head, body, foot)), lang="en"),
        Html("\n"),
    )


def _head(title: str) -> Html:
    return element(
        "head",
        element("meta", charset="utf-8"),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        Html(f"<style>{_style()}</style>"),
    )


@cache
def _style() -> str:
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8")


def _section(heading: str, *children: Child, level: int = 2) -> Html:
    return element("section", element(f"h{level}", heading), *children)


def _one(subject: Subject, answer: str | None, keys: Sequence[str] | None, level: int = 2) -> Html:
    """Everything about one run."""
    numbers = headline(subject, keys)
    return joined(
        parts.box(subject.caution),
        _section(
            "Answer" if answer or (subject.question and level == 2) else "Main numbers",
            _words(answer),
            parts.cards(numbers, subject.everything),
            level=level,
        )
        if numbers or answer
        else None,
        _section("Pictures", parts.gallery(subject.pictures), level=level) if subject.pictures else None,
        _compared(subject, level),
        _section("All numbers", _shown(subject.numbers), level=level) if subject.numbers else None,
        _remarks(subject, level),
        _section("Scenario", parts.scenario_text(subject.scenario), level=level) if subject.scenario else None,
        _section("Provenance", parts.provenance_table(subject.provenance), level=level) if subject.provenance else None,
    )


def _words(answer: str | None) -> Html | None:
    return element("p", answer, class_="answer") if answer else None


def _compared(subject: Subject, level: int) -> Html | None:
    if not subject.comparison:
        return None
    why = "Errors of differences are those of the same rows on both sides."
    return _section("Real and simulated", element("p", why), parts.comparison_table(subject.comparison), level=level)


def _shown(numbers: Mapping[str, Quantity]) -> Html:
    made = parts.numbers_table(numbers)
    return made if len(numbers) <= _FEW else folded(f"{len(numbers):,} numbers", made)


def _remarks(subject: Subject, level: int) -> Html | None:
    if not subject.left_out and not subject.notes:
        return None
    left_out = len({remark.diagnostic for remark in subject.left_out})
    return _section(
        "What was left out, and why",
        parts.remarks_table(subject.notes, "note") if subject.notes else None,
        folded(f"{left_out} diagnostics do not apply to some group", parts.remarks_table(subject.left_out, "reason"))
        if subject.left_out
        else None,
        level=level,
    )


def _several(subjects: Sequence[Subject], answer: str | None, keys: Sequence[str] | None) -> Html:
    """Runs side by side, then each by itself."""
    lines, differences = side_by_side(subjects), scenario_differences(subjects)
    wanted = dict.fromkeys(path for subject in subjects for path in headline(subject, keys))
    first = [line for line in lines if line.path in wanted]
    known = [deviation for line in lines for deviation in line.deviations if deviation is not None]
    far = sum(abs(deviation) >= SURPRISING for deviation in known)
    links = [
        element("li", element("a", subject.label, href=f"#run-{number}"), ": ", subject.title)
        for number, subject in enumerate(subjects, 1)
    ]
    about = (
        "(a − b)/σ is a difference in units of the combined error, σ² = σ_a² + σ_b², of independent samples. Of runs "
        "that share random numbers or data, σ is not the error of the difference. "
        f"{far:,} of {len(known):,} differences reach {SURPRISING:g} combined errors; were errors normal and nothing "
        f"different, {_NULL * len(known):.2g} would."
    )
    rest = [line for line in lines if line.path not in wanted]
    return joined(
        _section("Runs", element("ol", *links)),
        _section(
            "Answer",
            _words(answer),
            parts.runs_table(first, subjects) if first else None,
            element("p", about) if known else element("p", "No number with an error is common to them."),
        ),
        _section("What differs between the scenarios", parts.differences_table(differences, subjects))
        if differences
        else None,
        _section("All common numbers", folded(f"{len(rest):,} more numbers", parts.runs_table(rest, subjects)))
        if rest
        else None,
        *(_article(number, subject, keys) for number, subject in enumerate(subjects, 1)),
    )


def _article(number: int, subject: Subject, keys: Sequence[str] | None) -> Html:
    question = element("p", subject.question, class_="question") if subject.question else None
    heading = element("h2", f"{subject.label}: {subject.title}")
    return element("article", heading, question, _one(subject, None, keys, level=3), id=f"run-{number}")
