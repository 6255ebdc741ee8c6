"""The memory that a process has, and has had at most."""

FIELDS = {"VmRSS": "now", "VmHWM": "most"}


def of(pid):
    """In bytes."""
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        lines = (line.split() for line in file)
        found = {line[0].rstrip(":"): line[1] for line in lines if len(line) == 3}
    return {name: 1024 * int(found[field]) for field, name in FIELDS.items() if field in found}
