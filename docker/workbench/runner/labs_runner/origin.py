"""Which process of the program opened a connection.

The kernel gives the inode of the program's end of the connection; the
owner is the process that has it open, found among the known processes
first and their descendants next.
"""

import os
import socket
import struct

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
ANY_STATE = 0xFFFFFFFF
ANY_COOKIE = (0xFFFFFFFF, 0xFFFFFFFF)
# In the answer: the message's header (16), then inet_diag_msg, whose last field is the inode.
INODE_AT = 16 + 68


def process_of(peer, local, processes):
    """The id of the process that holds the connection from `peer`, or None."""
    inode = _inode(peer, local)
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


def _inode(local, remote):
    """The inode of a connection's local end."""
    return _diagnosed(local, remote) or _in_table(local, remote)


def _diagnosed(local, remote):
    """As the kernel's socket diagnosis gives it (sock_diag(7)), where the kernel has it."""
    host, port = local
    peer, peer_port = remote
    request = struct.pack(
        "=BBBxI" "HH16s16sIII",
        socket.AF_INET, socket.IPPROTO_TCP, 0, ANY_STATE,
        socket.htons(port), socket.htons(peer_port), socket.inet_aton(host), socket.inet_aton(peer), 0, *ANY_COOKIE,
    )
    header = struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as diagnosis:
            diagnosis.send(header + request)
            answer = diagnosis.recv(4096)
    except OSError:
        return None
    _, kind = struct.unpack_from("=IH", answer)
    if kind != SOCK_DIAG_BY_FAMILY:
        return None
    return struct.unpack_from("=I", answer, INODE_AT)[0]


def _in_table(local, remote):
    """Slow: for each reading the kernel walks through all it has, other containers' too."""
    wanted = f" {_hex(local)} {_hex(remote)} "
    try:
        with open("/proc/net/tcp", encoding="ascii") as table:
            for line in table:
                if wanted in line:
                    return line.split()[9]
    except OSError:
        pass
    return None


def _hex(address):
    """127.0.0.2:6379 as the kernel's table writes it (host byte order)."""
    host, port = address
    a, b, c, d = (int(part) for part in host.split("."))
    return f"{d:02X}{c:02X}{b:02X}{a:02X}:{port:04X}"


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
