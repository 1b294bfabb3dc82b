"""What is in the way of a package, in a sentence with a remedy."""

from __future__ import annotations


class PackageError(Exception):
    """`what` is so, `remedy` what to do; `state` whether anything was changed: `refused`, `taken_back`, `half_way`."""

    def __init__(self, what: str, remedy: str, state: str = "refused") -> None:
        super().__init__(f"{what}; {remedy}")
        self.what, self.remedy, self.state = what, remedy, state
