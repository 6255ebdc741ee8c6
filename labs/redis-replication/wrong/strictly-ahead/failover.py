"""The primary is dead: one of its replicas takes over."""

import redis

REPLICAS = ["replica-1", "replica-2"]


def promote() -> str:
    """Make one replica the primary and let the other follow it; return its name."""
    servers = {name: redis.Redis(host=name) for name in REPLICAS}
    offsets = {name: r.info("replication")["slave_repl_offset"] for name, r in servers.items()}
    ahead = [name for name, offset in offsets.items() if offset > min(offsets.values())]
    if not ahead:
        return None
    best = ahead[0]
    servers[best].replicaof("NO", "ONE")
    for name, server in servers.items():
        if name != best:
            server.replicaof(best, 6379)
    return best
