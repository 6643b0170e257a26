"""Style, size and format of pictures, and panels of many groups, of coinciding lines and of steps that grow."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import gasfield
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.plots import groups
from gasfield.plots.look import Look, looking
from gasfield.plots.panels import Curve, curves
from gasfield.plots.style import Role, are_log_spaced, drawn_as, save_all
from gasfield.plots.time_series import over_time
from gasfield.trajectory import TrajectoryWriter

GROWING = np.array([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000])
TIME = np.linspace(0.0, 10.0, 50)


def line() -> Figure:
    found = curves([Curve(np.arange(9), np.arange(9.0), Role.REAL, "rows")], "Title", "length").figure
    assert isinstance(found, Figure)
    return found


def read(picture: bytes) -> np.ndarray:
    return np.asarray(matplotlib.image.imread(BytesIO(picture)))


def test_size_and_format_are_those_asked_for(tmp_path: Path) -> None:
    with looking(Look(size=(3.0, 2.0))):
        assert read(drawn_as(line(), "png")).shape[:2] == (300, 450)
    assert read(drawn_as(line(), "png")).shape[:2] != (300, 450)  # not beyond
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for format, magic in begins.items():
        with looking(Look(format=format)):
            (path,) = save_all({"a": line}, tmp_path)
            assert path.name == f"a.{format}"
            assert path.read_bytes().startswith(magic)
            assert drawn_as(line(), format) == drawn_as(line(), format)


def test_a_dark_style_has_light_words_on_a_dark_ground() -> None:
    with looking(Look(style="dark_background")):
        dark = read(drawn_as(line(), "png"))
    light = read(drawn_as(line(), "png"))
    assert np.median(dark[..., :3]) < 0.1 < 0.9 < np.median(light[..., :3])
    assert (dark[..., :3].min(axis=2) > 0.9).sum() > 500  # words, ticks and the line
    with looking(Look(style="dark_background")):
        nothing = Figure(facecolor="black")
        nothing.text(0.5, 0.5, "seen?", color="#000000")
        assert read(drawn_as(nothing, "png"))[..., :3].max() < 0.1  # negative control: only our own ink is replaced


@pytest.mark.parametrize(
    ("look", "names"),
    [
        ({"style": "none"}, "style"),
        ({"size": (0.1, 3.0)}, "size"),
        ({"size": (1e3, 3.0)}, "size"),
        ({"format": "exe"}, "format"),
    ],
)
def test_no_other_look(look: dict, names: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError) as fault:
        Look(**look)
    assert fault.value.parameter == names


@pytest.mark.parametrize(
    ("steps", "is_log"),
    [
        (GROWING, True),
        (GROWING[1:], True),
        (np.concatenate([[0], np.geomspace(10, 1e6, 12)]), True),
        (np.arange(100), False),
        (np.arange(100) * 37, False),
        (np.array([0, 1, 2, 1000]), False),  # too few
        (np.cumsum(np.random.default_rng(0).integers(1, 40, 60)), False),
        (np.concatenate([np.arange(100), 100 + 10 * np.arange(50)]), False),
        (-GROWING[::-1], False),
    ],
)
def test_axes_are_logarithmic_where_steps_grow(steps: np.ndarray, is_log: bool) -> None:
    assert are_log_spaced(steps.astype(float)) == is_log
    ax = curves([Curve(steps, np.ones(len(steps)), Role.REAL, "rows")], "", "length")
    assert ax.get_xscale() == ("symlog" if is_log else "linear")
    if is_log and steps[0] == 0:  # 0 is on the axis, left of the first step above it
        places = ax.transData.transform(np.stack([steps, np.ones(len(steps))], axis=1))[:, 0]
        assert np.isfinite(places).all()
        assert (np.diff(places) > 5).all()


def test_many_groups_have_a_colour_bar_and_few_a_legend() -> None:
    few = over_time({f"T={k}": (TIME, TIME + k) for k in range(groups.MOST)}, "", "energy")
    legend = few.get_legend()
    assert legend is not None
    assert len(legend.get_texts()) == groups.MOST
    many = over_time({f"T={k}": (TIME, TIME + k) for k in range(40)}, "", "energy")
    assert many.get_legend() is None
    bar = many.figure.axes[-1]
    names = [text.get_text() for text in bar.get_yticklabels()]
    assert (names[0], names[-1], len(names)) == ("T=0", "T=39", 7)
    shades = [drawn.get_color() for drawn in many.get_lines()]
    assert len(set(map(str, shades))) == 40


def test_lines_that_coincide_are_all_seen() -> None:
    fall = np.exp(-TIME)
    lines = {"a": (TIME, fall), "b": (TIME, fall + 1e-4), "c": (TIME, fall), "d": (TIME, 0.5 * fall)}
    drawn = over_time(lines, "", "energy").get_lines()
    widths = [one.get_linewidth() for one in drawn]
    assert widths[0] > widths[1] > widths[2] == widths[3]
    figure = drawn[0].figure
    assert figure is not None
    picture = (255 * read(drawn_as(figure.get_figure(root=True), "png"))[..., :3]).round().astype(int)  # type: ignore[arg-type]
    for one in drawn:
        colour = np.array([int(str(one.get_color())[k : k + 2], 16) for k in (1, 3, 5)])
        assert (np.abs(picture - colour).max(axis=2) < 12).sum() > 200


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Rows that all move by 0.5 a step, in frames that are farther and farther apart."""
    start = np.random.default_rng(0).normal(size=(20, 3))
    with TrajectoryWriter(tmp_path / "t.h5", Gas(start), precision="float64", provenance={}) as writer:
        for step in GROWING.tolist():
            writer.frame(step, float(step), start + np.array([0.5 * step, 0.0, 0.0]))
    return tmp_path / "t.h5"


def test_step_lengths_are_rates_where_intervals_differ(recording: Path) -> None:
    found = gasfield.diagnose(recording, ["step_length"]).results["gas"]["step_length"]
    for key in ("start", "median", "end"):
        quantity = found.quantities()[f"step_length.{key}"]
        assert quantity.value == pytest.approx(0.5, rel=1e-9)
        assert quantity.unit == "length per step"
    ax = found.plot()
    assert ax.get_ylabel() == "step length [length per step]"
    assert ax.get_xscale() == "symlog"


def test_results_take_limits_and_labels(recording: Path) -> None:
    found = gasfield.diagnose(recording, ["cloud"]).results["gas"]["cloud"]
    ax: Axes = found.plot(xlim=(2, 9), ylabel="size", title="mine")
    assert ax.get_xlim() == (2, 9)
    assert (ax.get_ylabel(), ax.get_title()) == ("size", "mine")
    assert found.plot().get_ylabel() != "size"
    own = Figure().add_subplot()
    assert found.plot(own, yscale="log") is own
    assert own.get_yscale() == "log"
    with pytest.raises(AttributeError):
        found.plot(limits=(0, 1))
