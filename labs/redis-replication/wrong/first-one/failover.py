"""The primary is dead: one of its replicas takes over."""

import redis

REPLICAS = ["replica-1", "replica-2"]


def promote() -> str:
    """Make one replica the primary and let the other follow it; return its name."""
    servers = {name: redis.Redis(host=name) for name in REPLICAS}
    servers["replica-1"].replicaof("NO", "ONE")
    servers["replica-2"].replicaof("replica-1", 6379)
    return "replica-1"
