"""The primary is dead: one of its replicas takes over."""

import redis

REPLICAS = ["replica-1", "replica-2"]


def promote() -> str:
    """Make one replica the primary and let the other follow it; return its name."""
    servers = {name: redis.Redis(host=name) for name in REPLICAS}
    best = max(REPLICAS, key=lambda name: servers[name].info("replication")["slave_repl_offset"])
    (other,) = set(REPLICAS) - {best}
    # A full copy of the one that lags comes first, and with it what it lacks.
    servers[best].replicaof(other, 6379)
    servers[other].replicaof("NO", "ONE")
    while servers[best].info("replication")["master_link_status"] != "up":
        pass
    servers[best].replicaof("NO", "ONE")
    servers[other].replicaof(best, 6379)
    return best
