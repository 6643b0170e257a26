"""`gasfield.play`: a simulation in a notebook, to be played with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gasfield.extras import require_packages
from gasfield.simulation import Simulation

if TYPE_CHECKING:
    from gasfield.playing.widget import Player


def play(simulation: Simulation | str, *, speed: int | None = None, paused: bool = False, height: int = 680) -> Player:
    """Shows a simulation in a notebook, to be touched while it moves; needs the extra `notebook`.

    It moves between two cells and rests while a cell runs, in which the simulation is yours: touch it in the page,
    pause, compute with `simulation.gas`, step it, go on.

    Args:
        simulation: what is played with, or the name of a scenario.
        speed: steps for each frame; those between frames of the scenario if left out.
        paused: whether it waits at first.
        height: of the widget [pixels].

    Returns:
        The widget, with `simulation`, `session` and `pause()`.

    Raises:
        InputError: if a package is missing, or the scenario cannot be run.
        BlowUp: if the simulation starts in a state that is not finite.
    """
    require_packages(("anywidget",), "notebook", "play in a notebook")
    from gasfield.playing.widget import Player

    if isinstance(simulation, str):
        simulation = Simulation.from_scenario(simulation)
    return Player(simulation, speed=speed, paused=paused, height=height)
