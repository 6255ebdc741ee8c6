"""Which process of the program opened a connection.

/proc/net/tcp gives the inode of the program's end of the connection; the
owner is the process that has it open, found among the known processes
first and their descendants next. About 0.2 ms a connection.
"""

import os


def process_of(peer, local, processes):
    """The id of the process that holds the connection from `peer`, or None."""
    inode = _inode(_hex(peer), _hex(local))
    if inode is None:
        return None
    link = f"socket:[{inode}]"
    by_pid = {process.pid: process.id for process in processes.values()}
    for pid, process in by_pid.items():
        if _holds(pid, link):
            return process
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) not in by_pid and _holds(entry, link):
            return _ancestor(int(entry), by_pid)
    return None


def _hex(address):
    """127.0.0.2:6379 as the kernel's table writes it (host byte order)."""
    host, port = address
    a, b, c, d = (int(part) for part in host.split("."))
    return f"{d:02X}{c:02X}{b:02X}{a:02X}:{port:04X}"


def _inode(local, remote):
    wanted = f" {local} {remote} "
    try:
        with open("/proc/net/tcp", encoding="ascii") as table:
            for line in table:
                if wanted in line:
                    return line.split()[9]
    except OSError:
        pass
    return None


def _holds(pid, link):
    folder = f"/proc/{pid}/fd"
    try:
        for name in os.listdir(folder):
            try:
                if os.readlink(f"{folder}/{name}") == link:
                    return True
            except OSError:
                continue
    except OSError:
        pass
    return False


def _ancestor(pid, by_pid):
    for _ in range(64):
        if pid in by_pid:
            return by_pid[pid]
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                # The name may hold spaces and brackets: the state follows the last one.
                pid = int(file.read().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            return None
        if pid <= 1:
            return None
    return None
