"""A session as a widget of a notebook (anywidget): the page's own client, over the notebook's channel.

The engine is the simulation in the kernel. It is stepped between two cells, so that no cell sees it move: while code
runs, it rests.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

import anywidget
import traitlets

from gasfield.playing.inhand import InHand
from gasfield.playing.page import style
from gasfield.playing.session import Session
from gasfield.simulation import Simulation
from gasfield.viewing import client

_LONGEST = 0.05
"""Seconds after which what the kernel has been asked is looked at again."""


@cache
def module() -> str:
    """The client as one module; its drawing library looks for no loader of the notebook's."""
    library = client.read("vendor/twgl.js")
    return (
        f"{{ const define = undefined, exports = undefined, module = undefined;\n{library}\n}}\n"
        f"{client.joined('playing/client/widget_play.js')}\nexport default {{ render }};\n"
    )


class Player(anywidget.AnyWidget):
    """A simulation that is played with in a notebook.

    Attributes:
        simulation: it; between two cells it goes on, in a cell it is yours.
        session: how it goes on, with `course.paused` and `course.speed`.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    style_sheet = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int(680).tag(sync=True)

    def __init__(self, simulation: Simulation, *, height: int = 680, **course: Any) -> None:
        """Shows a simulation.

        Args:
            simulation: what is played with.
            height: of the widget [pixels].
            course: `speed` and `paused` of a `Session`.

        Raises:
            InputError, BlowUp: as the first step of the simulation.
        """
        super().__init__(_esm=module(), style_sheet=style(), height=height)
        self.simulation, self.session = simulation, Session(simulation, **course)
        self._played = InHand(self.session, self._tell)
        self._going: asyncio.Task[None] | None = None
        self.on_msg(self._take)

    def pause(self) -> None:
        """Lets it wait until the page lets it go on."""
        self.session.course.paused = True

    def _tell(self, content: str | bytes) -> None:
        if isinstance(content, str):
            self.send({"text": content})
        else:
            self.send({}, buffers=[content])

    def _take(self, widget: Any, content: Any, buffers: Any) -> None:
        """A message of the page; the first one says that it is there."""
        if not isinstance(content, dict) or not isinstance(text := content.get("text"), str):
            return
        if text == "open":
            self._played.open()
            self._go()
        else:
            self._played.take(text)

    def _go(self) -> None:
        """Goes on in the loop of the kernel, if there is one."""
        if self._going is None or self._going.done():
            try:
                self._going = asyncio.get_running_loop().create_task(self._keep_going())
            except RuntimeError:
                self._going = None

    async def _keep_going(self) -> None:
        while True:
            await asyncio.sleep(min(max(self._played.go_on(), 0.001), _LONGEST))

    def close(self) -> None:
        """Ends it; the simulation stays."""
        if self._going is not None:
            self._going.cancel()
        super().close()
