"""One way in which a text can be mutated."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Change:
    operator: str
    description: str
    # The part of the text that changes by itself, as it was and as it becomes, in a form without layout.
    scope: str
    before: str
    after: str
    # Start and end in bytes, and what stands there instead; `None`: it cannot be written.
    edit: Callable[[], tuple[int, int, str] | None]

    def digest(self) -> str:
        """Says which part becomes what, and nothing of where it stands or what else there is."""
        return hashlib.sha256("\0".join([self.scope, self.before, self.after]).encode()).hexdigest()
