"""What a station says when it does not do what others, or its own people, ask of it."""

from __future__ import annotations


class RefusedError(Exception):
    """This station does not take part; the text is the reason, and names the field. Whoever asked is told it."""


class BusyError(RefusedError):
    """This station cannot now, and may be asked again."""
