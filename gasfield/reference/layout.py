"""Which page describes which specification, and under which heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_args

from gasfield import diagnostics  # noqa: F401 (its kinds)
from gasfield.dynamics import DYNAMICS
from gasfield.forces import FORCES
from gasfield.learning.model import MODELS
from gasfield.operations import OPERATIONS
from gasfield.operations.triggers import AnyOf, At, Every, Seconds
from gasfield.reference.keys import parts_of
from gasfield.registry import Registry
from gasfield.scenario.diagnostic import DIAGNOSTICS
from gasfield.scenario.events import Event
from gasfield.scenario.initial_state import GroupSource
from gasfield.scenario.minimize import Minimize
from gasfield.scenario.replicas import Replicas
from gasfield.scenario.scan import Range, Scan
from gasfield.scenario.scenario import CompareWith, RunLength, Scenario
from gasfield.scenario.sources import GAS_SOURCES
from gasfield.schedules.choice import ByGroup, ScheduleKind
from gasfield.spaces import SPACES
from gasfield.spec import Spec
from gasfield.tracers import SHAPES, Tracer


@dataclass(frozen=True)
class Section:
    """A heading of a page and what it describes.

    Attributes:
        heading: a kind, or the name of a specification in words.
        spec: the specification.
        holder: heading of what has a key that holds it; empty where it stands by itself.
    """

    heading: str
    spec: type[Spec]
    holder: str = ""


@dataclass(frozen=True)
class Page:
    """One page of the reference.

    Attributes:
        name: of its file, without the ending.
        title: its first heading.
        intro: what stands below it.
        sections: headings with specifications, those of a registry apart.
        registry: whose kinds follow.
        nouns: names of unions, as schemas call them, that lead to this page.
    """

    name: str
    title: str
    intro: str
    sections: tuple[tuple[str, type[Spec]], ...] = ()
    registry: Registry[Any] | None = None
    nouns: tuple[str, ...] = field(default=())


PAGES = (
    Page(
        "scenario", "Scenario",
        "The keys of a scenario, a YAML file. Each may be set on the command line too: `--set run.steps=200`.",
        (("scenario", Scenario), ("run", RunLength), ("compare", CompareWith), ("minimize", Minimize),
         ("replicas", Replicas)),
    ),
    Page("spaces", "Spaces", "The key `space`: where particles live.", registry=SPACES, nouns=("space",)),
    Page(
        "gas", "Gas", "The key `gas`: a list of groups of particles, and where each comes from (its key `from`).",
        (("group", GroupSource),), GAS_SOURCES, ("gas source",),
    ),
    Page("forces", "Forces", "The key `forces`: a list. Forces add up; [their laws](../forces.md).", registry=FORCES,
         nouns=("force",)),
    Page("dynamics", "Dynamics", "The key `dynamics`: the law of motion, of [particles](../equilibrium.md) or of "
         "[weights in a training](../laws.md).", registry=DYNAMICS, nouns=("dynamics",)),
    Page(
        "schedules", "Schedules and temperatures",
        "A number that may change in the course of a run: the key `temperature`, and every key whose type is "
        "*schedule*. A plain number stands for `constant`.",
        (*((str(get_args(each.model_fields["kind"].annotation)[0]), each) for each in get_args(ScheduleKind)),
         ("by_group", ByGroup)),
    ),
    Page("tracers", "Tracers", "The key `tracers`: a list of [structures](../tracers.md) of test particles. A file "
         "with these keys is a tracer file.", (("tracer", Tracer),), SHAPES, ("shape",)),
    Page("diagnostics", "Diagnostics", "The key `diagnostics`: a list of names, or of mappings with parameters. What "
         "does not apply to a trajectory is left out; the summary of a run says why.",
         registry=DIAGNOSTICS, nouns=("diagnostic",)),
    Page("operations", "Operations", "The key `operations`: a list of what happens along the way besides frames and "
         "observables. Each has a trigger; a number stands for `every`, a list for `at`.",
         (("every", Every), ("at", At), ("seconds", Seconds), ("any", AnyOf)), OPERATIONS, ("operation",)),
    Page("events", "Events", "The key `events`: a list of [what is done to a gas](../events.md) at given steps.",
         (("event", Event),)),
    Page("scans", "Scans", "The key `scan`: what [`gasfield sweep`](../sweeps.md) varies.",
         (("scan", Scan), ("range", Range))),
    Page("models", "Models of fields", "What `gasfield fit` can fit: a name, or a mapping with parameters. "
         "[What each is for](../fields.md).", registry=MODELS, nouns=("field model",)),
)  # fmt: skip


def sections_of(page: Page) -> list[Section]:
    """All that a page describes, in its order: its own sections, the kinds of its registry, and what their keys hold
    that no other page describes."""
    return [section for owner, section in _placed() if owner is page]


@cache
def links() -> dict[str, str]:
    """Name of a specification, or noun of a registry -> a link within the reference, in Markdown. Kinds of a registry
    are referred to by its noun, so that their names may be those of others."""
    kinds = {spec for page in PAGES if page.registry is not None for spec in page.registry.values()}
    named = {section.spec.__name__: (page, section) for page, section in _placed() if section.spec not in kinds}
    found = {name: f"[{at.heading}]({page.name}.md#{slug(at.heading)})" for name, (page, at) in named.items()}
    nouns = {noun: f"[{noun}]({page.name}.md)" for page in PAGES for noun in page.nouns}
    schedules = {each.__name__: "[schedule](schedules.md)" for each in get_args(ScheduleKind)}
    return found | nouns | schedules


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and MyST make it."""
    return heading.replace(" ", "-")


def _own_sections(page: Page) -> Iterator[tuple[str, type[Spec]]]:
    yield from page.sections
    yield from page.registry.items() if page.registry is not None else ()


@cache
def _placed() -> tuple[tuple[Page, Section], ...]:
    """Every specification once, with its page."""
    placed = {spec: (page, Section(heading, spec)) for page in PAGES for heading, spec in _own_sections(page)}
    for page in PAGES:
        for _, spec in _own_sections(page):
            _place_parts(spec, placed)
    return tuple(placed.values())


def _place_parts(spec: type[Spec], placed: dict[type[Spec], tuple[Page, Section]]) -> None:
    """Puts what the keys of a specification may hold on its page, unless it has a place; in turn, their parts."""
    page, holder = placed[spec]
    bases = {each.registry.base for each in PAGES if each.registry is not None}
    for part in parts_of(spec):
        if part not in placed and part not in bases:
            taken = {section.heading for where, section in placed.values() if where is page}
            placed[part] = (page, Section(_heading(part, taken), part, holder.heading))
            _place_parts(part, placed)


def _heading(spec: type[Spec], taken: set[str]) -> str:
    """Its kind, or its name in words where it has none, or another on the page has the same."""
    kind = spec.model_fields.get("kind")
    values = get_args(kind.annotation) if kind else ()
    if len(values) == 1 and values[0] not in taken:
        return str(values[0])
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", spec.__name__).lower()
