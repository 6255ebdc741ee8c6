"""Killing all descendants where the supervisor is not PID 1.

In a container `kill(-1)` reaches exactly the program's processes. Outside
one, as in tests, only descendants may be touched; orphans come back to the
supervisor because it is their subreaper.
"""

import os
import signal


def kill(ancestor):
    """Sends SIGKILL to every descendant of `ancestor` alive right now."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            children.setdefault(parent, []).append(int(entry))
    waiting = [ancestor]
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            waiting.append(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
