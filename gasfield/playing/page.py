"""The page of a session: the client in `client/` and modules of the viewer's, in one file that loads nothing else."""

from __future__ import annotations

from functools import cache

from gasfield.viewing import client
from gasfield.viewing.page import document


def answer(path: str) -> tuple[str, bytes] | None:
    """Type and content of what lies under the secret path; None where there is nothing of that name."""
    return ("text/html; charset=utf-8", whole()) if path == "" else None


@cache
def whole() -> bytes:
    """The page. It may connect to where it came from, and to nothing else."""
    scripts = (client.read("vendor/twgl.js"), client.joined("playing/client/play_page.js"))
    return b"".join(document("gasfield play", style(), client.read("page.html"), (), scripts, live=True))


def style() -> str:
    """The style sheet: the viewer's, and what the player adds."""
    return client.read("style.css") + client.read("playing/client/play.css")
