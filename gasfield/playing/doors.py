"""Who may come in: only this machine, only who knows the secret, and no page of another site."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.http11 import Request

from gasfield.viewing.server import HOST

SOCKET = "socket"


@dataclass(frozen=True)
class Doors:
    """What requests are checked by.

    Attributes:
        port: at which the server listens.
        secret: the beginning of every path.
    """

    port: int
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def address(self) -> str:
        """To open in a browser."""
        return f"http://{HOST}:{self.port}/{self.secret}/"

    @property
    def socket(self) -> str:
        """Of the web socket."""
        return f"ws://{HOST}:{self.port}/{self.secret}/{SOCKET}"

    @property
    def origin(self) -> str:
        """Of the page."""
        return f"http://{HOST}:{self.port}"

    def path_of(self, request: Request) -> str | HTTPStatus:
        """What a request asks for, under the secret; or why it is refused.

        A page of another site may send requests here, also under a name that leads to this machine: the first has
        another Origin, the second another Host, and neither knows the secret.
        """
        hosts = (f"{HOST}:{self.port}", f"localhost:{self.port}")
        host = _only(request.headers, "Host")
        if host not in hosts:
            return HTTPStatus.FORBIDDEN
        root, _, rest = request.path.removeprefix("/").partition("/")
        if not secrets.compare_digest(root.encode(errors="replace"), self.secret.encode()):
            return HTTPStatus.NOT_FOUND
        origin = _only(request.headers, "Origin")
        if origin != f"http://{host}" and not (rest != SOCKET and origin is None):
            return HTTPStatus.FORBIDDEN
        return rest


def _only(headers: Headers, name: str) -> str | None:
    """The value of a header; empty if it is given twice, None if it is not given."""
    found = headers.get_all(name)
    return None if not found else found[0] if len(found) == 1 else ""
