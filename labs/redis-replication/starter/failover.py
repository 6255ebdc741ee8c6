"""The primary is dead: one of its replicas takes over."""

import redis

REPLICAS = ["replica-1", "replica-2"]


def promote() -> str:
    """Make one replica the primary and let the other follow it; return its name."""
    raise NotImplementedError
