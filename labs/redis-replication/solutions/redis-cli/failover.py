"""The primary is dead: one of its replicas takes over, by the command-line client."""

import subprocess

REPLICAS = ["replica-1", "replica-2"]


def ask(server: str, *words: str) -> str:
    """What a server answers to a command."""
    client = ["redis-cli", "-h", server, *words]
    return subprocess.run(client, capture_output=True, text=True, check=True).stdout


def offset(replica: str) -> int:
    """How far a replica has come."""
    lines = ask(replica, "INFO", "replication").splitlines()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(facts["slave_repl_offset"])


def promote() -> str:
    """Make one replica the primary and let the other follow it; return its name."""
    other, best = sorted(REPLICAS, key=offset)
    ask(best, "REPLICAOF", "NO", "ONE")
    ask(other, "REPLICAOF", best, "6379")
    return best
