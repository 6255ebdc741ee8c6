"""The framing on PID 1's stdin and stdout.

A frame is a 9-byte header, big-endian (payload length u32, kind u8, stream
u32), then the payload. Kinds are in the table below; the stream says which
tunnel, process or request a frame belongs to.
"""

import json
import os
import struct

HEADER = struct.Struct(">IBI")
MAX_PAYLOAD = 1 << 20
# Bytes that may be under way on one stream in one direction.
WINDOW = 256 * 1024
CHUNK = 64 * 1024
# Credit is given back in steps: a frame for each small message would double the traffic.
CREDIT_STEP = WINDOW // 4

# host -> runner: a request (JSON); runner -> host: its answer, same stream number.
CONTROL = ord("C")
ANSWER = ord("A")
# runner -> host: something happened (JSON).
EVENT = ord("V")
# both ways: bytes of a stream, permission to send more, end, reset.
DATA = ord("D")
CREDIT = ord("W")
END = ord("E")
RESET = ord("R")
# runner -> host: what a process printed. host -> runner: contents of a file.
OUTPUT = ord("O")
FILE = ord("F")


class Violation(Exception):
    """The other side sent what the framing does not allow."""


class Input:
    """Splits what arrives on a descriptor into frames."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.buffer = bytearray()
        # Kept: memory for each read anew would cost more than what most of them bring.
        self.room = bytearray(256 * 1024)

    def read(self):
        """Yields the complete frames after one read; raises EOFError at the end."""
        count = os.readv(self.descriptor, [self.room])
        if not count:
            raise EOFError
        buffer = self.buffer
        buffer += memoryview(self.room)[:count]
        start, size = 0, len(buffer)
        while size - start >= 9:
            length, kind, stream = HEADER.unpack_from(buffer, start)
            if length > MAX_PAYLOAD:
                raise Violation(f"a frame of {length} bytes")
            end = start + 9 + length
            if end > size:
                break
            yield kind, stream, bytes(buffer[start + 9 : end])
            start = end
        del buffer[:start]


class Output:
    """Gathers frames and writes them with blocking writes.

    Blocking is the back-pressure: while the host does not read, nothing is
    read from programs either, so nothing piles up here.
    """

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.parts = []
        self.size = 0

    def send(self, kind, stream, payload=b""):
        self.parts.append(HEADER.pack(len(payload), kind, stream))
        if payload:
            self.parts.append(payload)
        self.size += 9 + len(payload)
        if self.size > 4 * CHUNK:
            self.flush()

    def json(self, kind, stream, value):
        self.send(kind, stream, json.dumps(value).encode())

    def event(self, name, **details):
        details["event"] = name
        self.json(EVENT, 0, details)

    def flush(self):
        if not self.parts:
            return
        data = memoryview(b"".join(self.parts))
        self.parts.clear()
        self.size = 0
        while data:
            data = data[os.write(self.descriptor, data) :]
