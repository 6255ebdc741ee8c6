"""TCP connections of the program, carried to the host as streams."""

import socket
import struct

from labs_runner import frames, origin

BACKLOG = 128
# One process of many threads may hold this many connections in all.
MAX_TUNNELS = 512
# Streams opened here are numbered from here; processes are numbered below.
FIRST_STREAM = 1 << 31


class Listener:
    """Listens for one service and turns each connection into a tunnel."""

    def __init__(self, supervisor, service, address, port):
        self.supervisor = supervisor
        self.service = service
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setblocking(False)
        try:
            self.socket.bind((address, port))
            self.socket.listen(BACKLOG)
        except OSError:
            self.socket.close()
            raise
        self.address = self.socket.getsockname()
        supervisor.watch(self.socket.fileno(), self.accept, traffic=True)

    def accept(self, _events=None):
        """Accepts what waits, up to the bound on tunnels."""
        tunnels = self.supervisor.tunnels
        while True:
            try:
                connection, peer = self.socket.accept()
            except OSError:
                return
            if len(tunnels) >= MAX_TUNNELS:
                connection.close()
                continue
            Tunnel(self.supervisor, self, connection, peer)

    def close(self):
        self.supervisor.unwatch(self.socket.fileno())
        self.socket.close()


class Tunnel:
    """One connection: bytes both ways, each direction ending on its own."""

    def __init__(self, supervisor, listener, connection, peer):
        self.supervisor = supervisor
        self.socket = connection
        self.descriptor = connection.fileno()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = supervisor.next_stream
        supervisor.next_stream += 1
        self.credit = frames.WINDOW
        self.owed = 0
        self.pending = bytearray()
        self.from_program_ended = False
        self.from_host_ended = False
        self.open = True
        supervisor.tunnels[self.stream] = self
        process = origin.process_of(peer, listener.address, supervisor.processes)
        supervisor.output.event(
            "open", stream=self.stream, service=listener.service, process=process
        )
        supervisor.watch(self.descriptor, self.ready, traffic=True)

    def ready(self, events):
        if events & self.supervisor.WRITABLE:
            self.write()
        if self.open and events & ~self.supervisor.WRITABLE:
            self.read()

    def read(self):
        """Forwards what can be read, as far as the host's permission goes."""
        while self.open and not self.from_program_ended and self.credit > 0:
            most = min(frames.CHUNK, self.credit)
            try:
                data = self.socket.recv(most)
            except BlockingIOError:
                return
            except OSError:
                return self.reset(tell=True)
            if not data:
                self.from_program_ended = True
                self.supervisor.output.send(frames.END, self.stream)
                return self.settle()
            self.credit -= len(data)
            self.supervisor.output.send(frames.DATA, self.stream, data)
            if self.credit <= 0:
                self.watch()
            if len(data) < most:
                return

    def add_credit(self, amount):
        self.credit += amount
        self.watch()

    def data(self, payload):
        """Bytes from the host for the program."""
        if len(self.pending) + len(payload) > frames.WINDOW:
            raise frames.Violation("more bytes than the window allows")
        if self.pending:
            self.pending += payload
            return
        try:
            sent = self.socket.send(payload)
        except BlockingIOError:
            sent = 0
        except OSError:
            return self.reset(tell=True)
        self.consumed(sent)
        if sent < len(payload):
            self.pending += payload[sent:]
            self.watch()

    def write(self):
        if self.pending:
            try:
                sent = self.socket.send(self.pending)
            except BlockingIOError:
                return
            except OSError:
                return self.reset(tell=True)
            del self.pending[:sent]
            self.consumed(sent)
        if not self.pending:
            if self.from_host_ended:
                self.half_close()
            else:
                self.watch()

    def consumed(self, amount):
        self.owed += amount
        if self.owed >= frames.CREDIT_STEP:
            self.supervisor.output.send(
                frames.CREDIT, self.stream, struct.pack(">I", self.owed)
            )
            self.owed = 0

    def end(self):
        """The host will send no more."""
        self.from_host_ended = True
        if not self.pending:
            self.half_close()

    def half_close(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return self.reset(tell=True)
        self.settle()

    def settle(self):
        if self.from_program_ended and self.from_host_ended and not self.pending:
            self.close()
        else:
            self.watch()

    def watch(self):
        if not self.open:
            return
        events = 0
        if not self.from_program_ended and self.credit > 0:
            events |= self.supervisor.READABLE
        if self.pending:
            events |= self.supervisor.WRITABLE
        self.supervisor.rewatch(self.descriptor, events)

    def reset(self, tell):
        """Ends both directions at once; the program sees ECONNRESET."""
        if not self.open:
            return
        if tell:
            self.supervisor.output.send(frames.RESET, self.stream)
        try:
            self.socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        except OSError:
            pass
        self.close()

    def close(self):
        if self.open:
            self.open = False
            self.supervisor.unwatch(self.descriptor)
            self.supervisor.tunnels.pop(self.stream, None)
            self.socket.close()
