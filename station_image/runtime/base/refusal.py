"""What a station says when it does not do what others, or its own people, ask of it."""

from __future__ import annotations


class RefusedError(Exception):
    """This station does not take part; the text is the reason, and names the field. Whoever asked is told it."""


class BusyError(RefusedError):
    """This station cannot now, and may be asked again."""


class DrainsError(BusyError):
    """`station` is about to be replaced, and begins nothing for `seconds`, or until it is back."""

    def __init__(self, station: str, seconds: int) -> None:
        super().__init__(f"{station} is being upgraded: no new session begins there now")
        self.station = station
        self.seconds = seconds
