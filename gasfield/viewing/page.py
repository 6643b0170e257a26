"""One HTML file: script, style and data in it, and a policy that lets it load nothing.

A page of others' tokens: no text of a file is ever markup. Descriptions are JSON in which `<` is escaped, blobs are
base64, the client sets text only as text, and the policy allows no script but those whose digests it names.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from gasfield.viewing import client

_ATTRIBUTE = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def page(description: dict[str, Any], blobs: Iterable[tuple[str, bytes]], entry: str) -> Iterator[bytes]:
    """The parts of a page in their order.

    Args:
        description: see `document`.
        blobs: by name.
        entry: the module that starts the client.
    """
    title = " and ".join(panel["title"] for panel in description["panels"])
    data = ((f"blob {name}", "application/base64", base64.b64encode(blob)) for name, blob in blobs)
    scripts = (client.read("vendor/twgl.js"), client.joined(entry))
    style, body = client.read("style.css"), client.read("page.html")
    yield from document(title, style, body, chain([described(description)], data), scripts, live=description["live"])


Element = tuple[str, str, bytes]
"""Name, type and content of data in a page."""


def described(description: dict[str, Any]) -> Element:
    """A description as data of a page."""
    content = json.dumps(description, allow_nan=False).replace("<", "\\u003c")
    return "description", "application/json", content.encode()


def document(
    title: str, style: str, body: str, data: Iterable[Element], scripts: Sequence[str], *, live: bool = False
) -> Iterator[bytes]:
    """The parts of a page in their order.

    Args:
        title: of anybody.
        style: CSS.
        body: HTML of the client, from the beginning of its body.
        data: JSON without `<`, or base64.
        scripts: of the client; the last one is a module.
        live: whether it may connect to its own server.
    """
    *first, module = map(_inline, scripts)
    yield _HEAD.format(policy=policy([*first, module], style, live=live), title=_text(title), style=style).encode()
    yield body.encode()
    for name, kind, content in data:
        yield _data(name, kind, content)
    for script in first:
        yield f"<script>{script}</script>\n".encode()
    yield f'<script type="module">{module}</script>\n</body>\n</html>\n'.encode()


def policy(scripts: Sequence[str], style: str, *, live: bool) -> str:
    """The Content-Security-Policy: the scripts and the style by digest, pictures in or made by the page, and no
    connection, but to its own server if it is live."""
    allowed = " ".join(map(_digest, scripts))
    connect = "'self'" if live else "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_digest(style)}; img-src data: blob:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title} - gasfield</title>
<style>{style}</style>
</head>
"""


def _inline(script: str) -> str:
    """A script without what would end its element, or begin a comment; both are in strings and comments only."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _data(name: str, kind: str, content: bytes) -> bytes:
    return f'<script type="{kind}" data-name="{name}">'.encode() + content + b"</script>\n"


def _text(text: str) -> str:
    return "".join(_ATTRIBUTE.get(character, character) for character in text)
