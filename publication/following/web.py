"""A publication at a web server: its files over one connection, as they are asked for; nothing is made of them here.

Whoever answers may be anybody: it is sent on nowhere, and no more is taken than a publication may have. How long all of
it may take is for the caller to say, since a server may say a byte at a time.
"""

from __future__ import annotations

import http.client
import ipaddress
import ssl

from base import errors
from network_topology import web

LARGEST_FILE, LARGEST_WHOLE, MOST_FILES = 4 * 1024 * 1024, 32 * 1024 * 1024, 2500
SECONDS = 10.0
"""For each thing that is waited for."""
_GONE = (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE)
_HEADERS = {"User-Agent": "werkplaats-follow", "Cache-Control": "no-cache"}
_WHERE = "let this server call there, or ask the coordinator; until then stations have the publication from each other"
Connection = http.client.HTTPConnection


class Site:
    """The place of a publication; `near` lets it be on this machine, which only tests want.

    Called with a name it returns the content of that file, None where there is none; raises PublicationError.
    """

    def __init__(self, url: str, *, near: bool = False) -> None:
        place = web.place(url)
        if place is None:
            raise errors.PublicationError(f"{url} is no place of a publication", "have the definition corrected")
        self.url, self._place, self._near = url.rstrip("/"), place, near
        self._line: Connection | None = None
        self._left, self._files = LARGEST_WHOLE, MOST_FILES

    def __call__(self, name: str) -> bytes | None:
        """The content of a file."""
        self._files -= 1
        if self._files < 0:
            raise errors.PublicationError(f"{self.url} has more than {MOST_FILES} files", "ask the coordinator")
        try:
            used = self._line is not None
            try:
                return self._get(name)
            except (http.client.BadStatusLine, ConnectionError):
                self.close()
                if not used:
                    raise
                return self._get(name)  # it closed the connection over which it answered before
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            why = errors.printable(str(error) or type(error).__name__)[:200]
            raise errors.PublicationError(f"{self.url} cannot be read: {why}", _WHERE) from error

    def close(self) -> None:
        """Call no more over the connection that there is."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _get(self, name: str) -> bytes | None:
        line = self._line = self._line or self._call()
        line.request("GET", f"{self._place.path}/{name}", headers=_HEADERS)
        answer = line.getresponse()
        content = self._content(name, answer)
        if answer.status in _GONE:
            return None
        if answer.status != http.HTTPStatus.OK:
            to = f" to {answer.getheader('Location', '')[:200]}" if answer.getheader("Location") else ""
            told = errors.printable(f"{self.url}/{name}: it answers {answer.status} {answer.reason[:100]}{to}")
            raise errors.PublicationError(told, "ask the coordinator: the definition names the place itself")
        # A publication has texts, with the line ends of where it was made: git on Windows, for one, makes others.
        return content.replace(b"\r\n", b"\n")

    def _content(self, name: str, answer: http.client.HTTPResponse) -> bytes:
        most = min(LARGEST_FILE, self._left)
        content = b"" if (answer.length or 0) > most else answer.read(most + 1)
        self._left -= len(content)
        if len(content) > most or (answer.length or 0) > most:
            self.close()
            raise errors.PublicationError(f"{self.url}/{name} is larger than {most} bytes", "ask the coordinator")
        return content

    def _call(self) -> Connection:
        place = self._place
        if place.scheme == "http":
            line = Connection(place.host, place.port, timeout=SECONDS)
        else:
            secure = ssl.create_default_context()
            line = http.client.HTTPSConnection(place.host, place.port, timeout=SECONDS, context=secure)
        line.connect()
        there = ipaddress.ip_address(line.sock.getpeername()[0])
        there = getattr(there, "ipv4_mapped", None) or there
        if not self._near and (there.is_loopback or there.is_link_local):
            line.close()
            raise OSError(f"its name leads to this machine, {there}")
        return line
