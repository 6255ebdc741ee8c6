"""A process whose clock the host can move: it reads the time through libfaketime, which reads a file."""

import glob
import os

LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"
REAL = "+0"


def environment(process):
    """What a process is started with so that its clock can be moved; until then it is right."""
    found = glob.glob(LIBRARY)
    if not found:
        raise OSError("libfaketime is not installed")
    path = _file(process)
    if not os.path.exists(path):
        set(process, REAL)
    return {
        "LD_PRELOAD": found[0],
        "FAKETIME_TIMESTAMP_FILE": path,
        "FAKETIME_NO_CACHE": "1",
        # The times of files stay as they are.
        "NO_FAKE_STAT": "1",
    }


def set(process, setting):
    """Moves the clock of a process: `+3h` ahead, or `+0 x20` from now on twenty times as fast."""
    path = _file(process)
    # In one step: the process may read it at any moment.
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(setting + "\n")
    os.rename(path + ".new", path)


def _file(process):
    return f"/dev/shm/labs-clock-{process}"
