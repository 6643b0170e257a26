"""One HTML file: script, style and data in it, and a policy that lets it load nothing.

A page of others' tokens: no text of a file is ever markup. Descriptions are JSON in which `<` is escaped, blobs are
base64, the client sets text only as text, and the policy allows no script but the two whose digests it names.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
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
    library, script = _inline(client.read("vendor/twgl.js")), _inline(client.joined(entry))
    style = client.read("style.css")
    title = " and ".join(panel["title"] for panel in description["panels"])
    yield _HEAD.format(
        policy=policy(library, script, style, live=description["live"]), title=_text(title), style=style
    ).encode()
    yield client.read("page.html").encode()
    yield _data(
        "description", "application/json", json.dumps(description, allow_nan=False).replace("<", "\\u003c").encode()
    )
    for name, blob in blobs:
        yield _data(f"blob {name}", "application/base64", base64.b64encode(blob))
    yield f'<script>{library}</script>\n<script type="module">{script}</script>\n</body>\n</html>\n'.encode()


def policy(library: str, script: str, style: str, *, live: bool) -> str:
    """The Content-Security-Policy: the two scripts and the style by digest, pictures made by the page, and no
    connection, but to its own server if it is live."""
    scripts = " ".join(_digest(text) for text in (library, script))
    connect = "'self'" if live else "'none'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_digest(style)}; img-src data: blob:; "
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
