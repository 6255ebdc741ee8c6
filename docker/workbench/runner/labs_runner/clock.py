"""A process whose clock the host can move: it reads the time through libfaketime, which reads a file."""

import glob
import os

LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"


def environment(process):
    """What a process is started with so that its clock can be moved; until then it is right."""
    found = glob.glob(LIBRARY)
    if not found:
        raise OSError("libfaketime is not installed")
    path = _file(process)
    if not os.path.exists(path):
        move(process, 0)
    return {
        "LD_PRELOAD": found[0],
        "FAKETIME_TIMESTAMP_FILE": path,
        "FAKETIME_NO_CACHE": "1",
        # The times of files stay as they are.
        "NO_FAKE_STAT": "1",
    }


def move(process, ahead):
    """Moves the clock of a process so many seconds ahead of the right time."""
    path = _file(process)
    # In one step: the process may read it at any moment.
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(f"+{ahead}\n")
    os.rename(path + ".new", path)


def _file(process):
    return f"/dev/shm/labs-clock-{process}"
