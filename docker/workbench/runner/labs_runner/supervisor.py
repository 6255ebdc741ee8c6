"""The loop of PID 1: requests from the host, tunnels, processes."""

import ctypes
import json
import os
import resource
import select
import signal
import struct
import sys
import time

from labs_runner import clock, descendants, frames, memory, patience, processes, tunnels, workspace

PROTOCOL = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
M_ARENA_MAX = -8
CLEAN_LIMIT = 5.0
# A host that is there says something every second.
SILENCE_LIMIT = 30.0
# How long a clean runner waits for the next check.
PARKED_LIMIT = 600.0


class Supervisor:
    READABLE = select.EPOLLIN | select.EPOLLRDHUP
    WRITABLE = select.EPOLLOUT

    def __init__(self):
        self.workspace = os.path.realpath(os.environ.get("LABS_WORKSPACE", "/workspace"))
        scratch = os.environ.get("LABS_SCRATCH", "/tmp:/dev/shm")
        self.scratch = [folder for folder in scratch.split(":") if folder]
        self.home = sys.path[-1]
        self.alone = os.getpid() == 1
        self.libc = ctypes.CDLL(None)
        self.input = frames.Input(0)
        self.output = frames.Output(1)
        self.epoll = select.epoll()
        self.handlers = {}
        # Descriptors of tunnels, and of what accepts them.
        self.traffic = set()
        self.listeners = {}
        self.tunnels = {}
        self.processes = {}
        self.files = {}
        self.next_stream = tunnels.FIRST_STREAM
        self.harness = None
        self.running = True
        self.parked = False
        self.heard = time.monotonic()
        self.limits = limits()
        self.memory_kills = memory_kills()
        # Threads of a fork share one heap: one of its own costs each of them more than it ever waits for the other.
        self.libc.mallopt(M_ARENA_MAX, 1)
        # Same user as the program: without this it could open our descriptors.
        self.libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        self.libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self.wakeup = reader
        self.watch(0, self.host_ready)
        self.watch(reader, self.children_ready)

    # Descriptors

    def watch(self, descriptor, handler, events=None, traffic=False):
        self.handlers[descriptor] = [handler, 0]
        if traffic:
            self.traffic.add(descriptor)
        try:
            self.epoll.unregister(descriptor)
        except OSError:
            pass
        self.rewatch(descriptor, self.READABLE if events is None else events)

    def rewatch(self, descriptor, events):
        """Changes what is waited for. Nothing means out of the set: a hang-up
        is reported even to those that wait for nothing."""
        entry = self.handlers.get(descriptor)
        if entry is None or entry[1] == events:
            return
        if events == 0:
            self.epoll.unregister(descriptor)
        elif entry[1] == 0:
            self.epoll.register(descriptor, events)
        else:
            self.epoll.modify(descriptor, events)
        entry[1] = events

    def unwatch(self, descriptor):
        entry = self.handlers.pop(descriptor, None)
        self.traffic.discard(descriptor)
        if entry and entry[1]:
            self.epoll.unregister(descriptor)

    def forget(self, descriptor):
        """Closes a pipe's end; returns -1 for its owner to keep."""
        self.unwatch(descriptor)
        os.close(descriptor)
        return -1

    def drain_tunnels(self):
        """Forwards what programs sent up to now, new connections included; returns all descriptors that are ready."""
        ready = set()
        more = True
        while more:
            more = False
            for descriptor, events in self.epoll.poll(0):
                ready.add(descriptor)
                entry = self.handlers.get(descriptor)
                if entry and descriptor in self.traffic:
                    entry[0](events)
                    more = True
        return ready

    # The loop

    def run(self):
        self.output.event(
            "hello", protocol=PROTOCOL, pid=os.getpid(), python=sys.version.split()[0]
        )
        self.output.flush()
        from labs_runner import harness

        self.harness = harness
        while self.running:
            mute = any(process.mute_since for process in self.processes.values())
            for descriptor, events in self.epoll.poll(0.1 if mute else 5.0):
                entry = self.handlers.get(descriptor)
                if entry:
                    entry[0](events)
            if mute:
                now = time.monotonic()
                for process in list(self.processes.values()):
                    process.check_mute(now)
            self.output.flush()
            silent = time.monotonic() - self.heard
            if silent > (PARKED_LIMIT if self.parked else SILENCE_LIMIT):
                self.running = False

    def host_ready(self, _events):
        self.heard = time.monotonic()
        try:
            for kind, stream, payload in self.input.read():
                self.frame(kind, stream, payload)
        except EOFError:
            self.running = False

    def frame(self, kind, stream, payload):
        if kind == frames.CONTROL:
            self.request(stream, json.loads(payload))
            return
        if kind == frames.FILE:
            self.file_piece(stream, payload)
            return
        # A stream may have ended here while the host's frame was under way.
        target = self.tunnels.get(stream) or self.processes.get(stream)
        if target is None:
            return
        if kind == frames.DATA:
            target.data(payload)
        elif kind == frames.CREDIT:
            target.add_credit(struct.unpack(">I", payload)[0])
        elif kind == frames.END:
            target.end()
        elif kind == frames.RESET and stream in self.tunnels:
            target.reset(tell=False)

    # Requests

    def request(self, number, request):
        """Carries out one request; every one is answered exactly once."""
        operation = getattr(self, "do_" + request.pop("do"), None)
        try:
            if operation is None:
                raise ValueError("no such request")
            answer = operation(number, **request)
        except (OSError, ValueError, TypeError, workspace.Refused) as error:
            answer = {"error": str(error)}
        if answer is not None:
            self.output.json(frames.ANSWER, number, answer)

    def do_park(self, _number):
        """The host goes; another may come and greet."""
        self.parked = True
        return {}

    def do_greet(self, _number):
        self.parked = False
        return {"protocol": PROTOCOL}

    def do_file(self, number, path, size):
        incoming = workspace.Incoming(self.workspace, path, size)
        if size == 0:
            incoming.close()
            return {}
        self.files[number] = incoming
        return None

    def file_piece(self, number, payload):
        incoming = self.files.get(number)
        if incoming is None:
            return
        try:
            if not incoming.write(payload):
                return
            answer = {}
        except (OSError, workspace.Refused) as error:
            incoming.close()
            answer = {"error": str(error)}
        del self.files[number]
        self.output.json(frames.ANSWER, number, answer)

    def do_route(self, _number, service, address, port):
        previous = self.listeners.pop(service, None)
        if previous:
            previous.close()
        listener = tunnels.Listener(self, service, address, port)
        self.listeners[service] = listener
        return {"port": listener.address[1]}

    def do_preload(self, _number, modules):
        """Imports libraries once, so that each fork has them for nothing."""
        import gc
        import importlib

        missing = []
        # What Python itself imports for the first name that is looked up.
        for name in [*modules, "encodings.idna"]:
            try:
                importlib.import_module(name)
            except ImportError:
                missing.append(name)
        # A collection in a fork would touch, and so copy, all that is shared.
        gc.collect()
        gc.freeze()
        return {"missing": missing}

    def do_spawn(self, _number, process, program, command=None, movable_clock=False):
        self.output.flush()
        return {"pid": processes.Process(self, process, program, command, movable_clock).pid}

    def do_clock(self, _number, process, ahead):
        clock.move(process, ahead)
        return {}

    def do_patience(self, _number, process):
        target = self.processes.get(process)
        return {"seconds": patience.of(target.pid) if target else []}

    def do_memory(self, _number, process):
        target = self.processes.get(process)
        return memory.of(target.pid) if target else {}

    def do_kill(self, _number, process, cause="killed"):
        target = self.processes.get(process)
        if target:
            target.kill(cause)
        return {}

    def do_clean(self, _number):
        """Ends every process and connection, then empties the workspace."""
        for process in list(self.processes.values()):
            process.kill("killed")
        limit = time.monotonic() + CLEAN_LIMIT
        while self.kill_all():
            if time.monotonic() > limit:
                return {"error": "processes of the program could not be killed"}
        for process in list(self.processes.values()):
            process.finish()
        for listener in self.listeners.values():
            listener.accept()
        for tunnel in list(self.tunnels.values()):
            tunnel.reset(tell=True)
        for incoming in self.files.values():
            incoming.close()
        self.files.clear()
        if limits() != self.limits:
            return {"error": "the program changed the limits of the runner"}
        left = []
        for folder in [self.workspace, *self.scratch]:
            if os.path.isdir(folder):
                left += workspace.wipe(folder)
        return {"error": f"could not remove {left[:5]}"} if left else {}

    # Children

    def children_ready(self, _events):
        try:
            os.read(self.wakeup, 4096)
        except BlockingIOError:
            pass
        for _ in range(1000):
            if not self.reap():
                return
        # More orphans than one turn takes: come back after the others had theirs.
        signal.raise_signal(signal.SIGCHLD)

    def reap(self):
        """Takes one dead child; the rest of a program's group dies with it."""
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None:
                return False
            owner = None
            for process in self.processes.values():
                if process.pid == found.si_pid and process.status is None:
                    owner = process
            if owner:
                try:
                    os.killpg(owner.pid, signal.SIGKILL)
                except OSError:
                    pass
            _, status = os.waitpid(found.si_pid, 0)
        except ChildProcessError:
            return False
        if owner:
            owner.exited(status)
        return True

    def kill_all(self):
        """Kills and reaps every other process; False when none is left."""
        if self.alone:
            try:
                os.kill(-1, signal.SIGKILL)
            except ProcessLookupError:
                pass
        else:
            descendants.kill(os.getpid())
        while self.reap():
            pass
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        time.sleep(0.0005)
        return True

    def out_of_memory(self):
        """True when the kernel killed for memory since this was last asked."""
        before, self.memory_kills = self.memory_kills, memory_kills()
        return self.memory_kills > before

    def make_dumpable(self):
        self.libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def limits():
    """What this process may use: a program of the same user can lower it."""
    kinds = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    return {name: resource.getrlimit(getattr(resource, name)) for name in kinds}


def memory_kills():
    """Processes of this container the kernel killed for memory so far."""
    for path in (
        "/sys/fs/cgroup/memory.events",
        "/sys/fs/cgroup/memory/memory.oom_control",
    ):
        try:
            with open(path, encoding="ascii") as file:
                for line in file:
                    name, _, value = line.partition(" ")
                    if name == "oom_kill":
                        return int(value)
        except (OSError, ValueError):
            continue
    return 0


def main():
    supervisor = Supervisor()
    try:
        supervisor.run()
    finally:
        # In the parent only: a fork never comes back here.
        for process in list(supervisor.processes.values()):
            process.kill("killed")
        limit = time.monotonic() + CLEAN_LIMIT
        while supervisor.kill_all() and time.monotonic() < limit:
            pass
