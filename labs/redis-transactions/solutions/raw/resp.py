"""A Redis client in a few lines: the wire protocol (RESP2) over one socket a thread."""

import os
import socket
import threading

local = threading.local()


class Connection:
    def __init__(self):
        self.socket = socket.create_connection((os.environ.get("REDIS_HOST", "redis"), 6379))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")

    def send(self, *words):
        parts = [str(word).encode() for word in words]
        bulk = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.sendall(b"*%d\r\n%s" % (len(parts), bulk))

    def reply(self):
        """The next reply; an error is raised, inside a list it is a value."""
        answer = self.read()
        if isinstance(answer, RuntimeError):
            raise answer
        return answer

    def read(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            return RuntimeError(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.stream.read(size + 2)[:-2].decode()
        if kind == b"*":
            size = int(rest)
            return None if size < 0 else [self.read() for _ in range(size)]
        return rest


def command(*words):
    """Send one command on this thread's connection and return the answer."""
    if not hasattr(local, "connection"):
        local.connection = Connection()
    local.connection.send(*words)
    return local.connection.reply()
