"""The primary is dead: one of its replicas takes over."""

import redis

REPLICAS = ["replica-1", "replica-2"]


def promote() -> str:
    """Make one replica the primary and let the other follow it; return its name."""
    servers = {name: redis.Redis(host=name) for name in REPLICAS}
    # Role, primary, port, state of the link, offset.
    best = max(REPLICAS, key=lambda name: servers[name].role()[4])
    servers[best].replicaof("NO", "ONE")
    for name in REPLICAS:
        if name != best:
            servers[name].replicaof(best, 6379)
    return best
