"""How long the threads of a process wait for their descriptors at most, as the kernel shows it (proc_pid_syscall(5))."""

import os
import struct

MILLISECONDS, TIMEVAL, TIMESPEC = 1000, 10**6, 10**9
# By machine and number: which argument is the limit, and what it is in (the first is a number, the others are addresses).
CALLS = {
    "x86_64": {
        7: (2, MILLISECONDS),  # poll
        23: (4, TIMEVAL),  # select
        232: (3, MILLISECONDS),  # epoll_wait
        270: (4, TIMESPEC),  # pselect6
        271: (2, TIMESPEC),  # ppoll
        281: (3, MILLISECONDS),  # epoll_pwait
    },
    "aarch64": {
        22: (3, MILLISECONDS),  # epoll_pwait
        72: (4, TIMESPEC),  # pselect6
        73: (2, TIMESPEC),  # ppoll
    },
}


def of(pid):
    """The limits in seconds, of each thread that has one."""
    tasks = f"/proc/{pid}/task"
    found = (_limit(f"{tasks}/{thread}") for thread in os.listdir(tasks))
    return [seconds for seconds in found if seconds is not None]


def _limit(task):
    try:
        with open(f"{task}/syscall", encoding="ascii") as file:
            words = file.read().split()
        if not words[0].isdigit():
            return None
        place = CALLS.get(os.uname().machine, {}).get(int(words[0]))
        if place is None:
            return None
        argument, unit = place
        value = int(words[1 + argument], 16)
        if unit == MILLISECONDS:
            # An int: what is negative waits for ever.
            value = struct.unpack("i", struct.pack("I", value & 0xFFFFFFFF))[0]
            return value / unit if value >= 0 else None
        if value == 0:
            return None
        with open(f"{task}/mem", "rb", buffering=0) as memory:
            memory.seek(value)
            seconds, parts = struct.unpack("qq", memory.read(16))
        return seconds + parts / unit
    # It has ended, or it goes on meanwhile and the memory is another's.
    except (OSError, ValueError, IndexError, struct.error):
        return None
