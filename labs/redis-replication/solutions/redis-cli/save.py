"""Writes that are acknowledged once a replica has them, by the command-line client."""

import subprocess


def save(key: str, value: str) -> bool:
    """Set `key` on the primary; True only if at least one replica has confirmed it."""
    # Two lines of one session, so that WAIT waits for this SET.
    lines = f'SET "{key}" "{value}"\nWAIT 1 1000\n'
    client = ["redis-cli", "-h", "primary"]
    said = subprocess.run(client, input=lines, capture_output=True, text=True, check=True).stdout
    stored, confirmed = said.split()
    return stored == "OK" and int(confirmed) > 0
