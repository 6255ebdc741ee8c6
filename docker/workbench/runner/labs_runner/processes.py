"""Processes of the learner's program: fork, descriptors, output, end."""

import fcntl
import os
import signal
import struct
import sys
import time

from labs_runner import clock, frames

KEPT_OUTPUT = 64 * 1024
MAX_OUTPUT = 16 * 1024 * 1024
# A process may close its replies just before it exits; longer is a fault.
MUTE_GRACE = 0.5


class Process:
    """One process (and its group), with pipes for calls, replies and output."""

    def __init__(self, supervisor, number, program, command, movable_clock):
        self.supervisor = supervisor
        self.id = number
        self.credit = frames.WINDOW
        self.owed = 0
        self.pending = bytearray()
        self.kept = 0
        self.printed = 0
        self.cause = None
        self.status = None
        self.mute_since = None
        pipes = []
        try:
            for _ in range(3):
                pipes += os.pipe()
            self.pid = os.fork()
        except OSError:
            for descriptor in pipes:
                os.close(descriptor)
            raise
        if self.pid == 0:
            calls, _, _, replies, _, output = pipes
            become(supervisor, self, program, command, movable_clock, calls, replies, output)
        for theirs in (pipes[0], pipes[3], pipes[5]):
            os.close(theirs)
        self.calls, self.replies, self.output = pipes[1], pipes[2], pipes[4]
        for descriptor in (self.calls, self.replies, self.output):
            os.set_blocking(descriptor, False)
        supervisor.processes[number] = self
        supervisor.watch(self.replies, self.replies_ready)
        supervisor.watch(self.output, lambda _events: self.read_output())

    # Output

    def read_output(self):
        """Forwards the first part of what is printed and counts the rest."""
        # A bound on one turn, so that a flood does not starve the others.
        for _ in range(64):
            if self.output < 0:
                return
            try:
                data = os.read(self.output, frames.CHUNK)
            except BlockingIOError:
                return
            if not data:
                self.output = self.supervisor.forget(self.output)
                return
            self.printed += len(data)
            if self.kept < KEPT_OUTPUT:
                data = data[: KEPT_OUTPUT - self.kept]
                self.kept += len(data)
                self.supervisor.output.send(frames.OUTPUT, self.id, data)
            if self.printed > MAX_OUTPUT and self.status is None:
                self.kill("flooded")
                return

    # Replies

    def replies_ready(self, _events=None):
        """Forwards replies, after everything that was sent on tunnels before them."""
        while self.replies >= 0 and self.credit > 0:
            most = min(frames.CHUNK, self.credit)
            try:
                data = os.read(self.replies, most)
            except BlockingIOError:
                if self.status is not None:
                    break
                return
            if not data:
                self.replies = self.supervisor.forget(self.replies)
                if self.status is None:
                    self.mute("closed its descriptor for replies")
                break
            if self.output in self.supervisor.drain_tunnels():
                self.read_output()
            self.credit -= len(data)
            self.supervisor.output.send(frames.DATA, self.id, data)
            if len(data) < most and self.status is None:
                return
        if self.replies >= 0 and self.credit <= 0:
            self.supervisor.rewatch(self.replies, 0)
        elif self.status is not None:
            self.finish()

    def add_credit(self, amount):
        self.credit += amount
        if self.replies >= 0:
            self.supervisor.rewatch(self.replies, self.supervisor.READABLE)
            if self.status is not None:
                self.replies_ready()

    # Calls

    def data(self, payload):
        """Bytes from the host for the descriptor the process reads calls from."""
        if len(self.pending) + len(payload) > frames.WINDOW:
            raise frames.Violation("more bytes than the window allows")
        self.pending += payload
        self.write()

    def write(self, _events=None):
        if self.calls < 0:
            self.consumed(len(self.pending))
            self.pending.clear()
            return
        try:
            written = os.write(self.calls, self.pending)
        except BlockingIOError:
            written = 0
        except OSError:
            self.calls = self.supervisor.forget(self.calls)
            self.mute("closed its descriptor for calls")
            return self.write()
        del self.pending[:written]
        self.consumed(written)
        if self.pending:
            self.supervisor.watch(self.calls, self.write, self.supervisor.WRITABLE)
        else:
            self.supervisor.unwatch(self.calls)

    def consumed(self, amount):
        self.owed += amount
        if self.owed >= frames.CREDIT_STEP:
            self.supervisor.output.send(frames.CREDIT, self.id, struct.pack(">I", self.owed))
            self.owed = 0

    def end(self):
        """The host makes no more calls: the harness sees the end and exits."""
        if self.calls >= 0:
            self.calls = self.supervisor.forget(self.calls)

    # The end

    def mute(self, how):
        if self.mute_since is None and self.status is None:
            self.mute_since = (time.monotonic(), how)

    def check_mute(self, now):
        """Kills a process that can no longer be spoken to but does not exit."""
        if self.mute_since and self.status is None and now > self.mute_since[0] + MUTE_GRACE:
            self.kill("protocol: the program " + self.mute_since[1])
            self.mute_since = None

    def kill(self, cause):
        """SIGKILL to the whole group; the first cause is the one reported."""
        if self.status is None:
            self.cause = self.cause or cause
            for send in (os.killpg, os.kill):
                try:
                    send(self.pid, signal.SIGKILL)
                except OSError:
                    pass

    def exited(self, status):
        """Reaped: what is left in the pipes goes out first, then the end."""
        self.status = status
        if self.replies < 0:
            self.finish()
        else:
            self.replies_ready()

    def finish(self):
        self.read_output()
        for name in ("calls", "replies", "output"):
            descriptor = getattr(self, name)
            if descriptor >= 0:
                setattr(self, name, self.supervisor.forget(descriptor))
        self.supervisor.processes.pop(self.id, None)
        code = os.waitstatus_to_exitcode(self.status)
        if code == -signal.SIGKILL and self.cause is None and self.supervisor.out_of_memory():
            self.cause = "memory"
        self.supervisor.output.event(
            "exit",
            process=self.id,
            code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            cause=self.cause,
            printed=self.printed,
        )


def become(supervisor, process, program, command, movable_clock, calls, replies, output):
    """Turns a forked copy of the supervisor into a process of the program."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        calls, replies = _place_descriptors(calls, replies, output)
        supervisor.make_dumpable()
        # If memory runs out, the program goes first, never the supervisor.
        try:
            with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
                file.write("1000")
        except OSError:
            pass
        os.chdir(supervisor.workspace)
        os.environ["LABS_CALLS_FD"] = str(calls)
        os.environ["LABS_REPLIES_FD"] = str(replies)
        os.environ["LABS_PROGRAM"] = program
        if movable_clock:
            os.environ.update(clock.environment(process.id))
            # Python reads the clock through what is loaded before it.
            command = command or [sys.executable, "-I", sys.argv[0], "harness"]
        if command:
            os.set_inheritable(calls, True)
            os.set_inheritable(replies, True)
            os.execvp(command[0], command)
        serve(supervisor.harness, supervisor.home)
    except BaseException as error:  # nothing may return into the supervisor's loop
        os.write(2, f"the program could not be started: {error!r}\n".encode())
    finally:
        os._exit(70)


def serve(harness, home):
    """Serves the Python program with the streams a program expects; nothing of ours can be imported from `home`."""
    sys.path.remove(home)
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)
    # By line, so that what was printed is there when the process is killed.
    sys.stdout = sys.__stdout__ = _printing(1)
    sys.stderr = sys.__stderr__ = _printing(2)
    harness.main()


def _place_descriptors(calls, replies, output):
    """0 reads nothing, 1 and 2 are captured, 3 and 4 are the protocol; no other stays."""
    null = os.open("/dev/null", os.O_RDONLY)
    # First out of the way of the targets 0 to 4.
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 16) for fd in (null, output, calls, replies)]
    os.dup2(high[0], 0)
    os.dup2(high[1], 1)
    os.dup2(high[1], 2)
    os.dup2(high[2], 3, inheritable=False)
    os.dup2(high[3], 4, inheritable=False)
    for name in os.listdir("/proc/self/fd"):
        descriptor = int(name)
        if descriptor > 4:
            try:
                os.close(descriptor)
            except OSError:
                continue
    return 3, 4


def _printing(descriptor):
    return open(
        descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )
