"""Serves calls into the learner's Python file; docs/harness-protocol.md is the contract.

Calls run concurrently: the first free one in the main thread (so that signal
handlers and event loops work there), the others in threads of a pool.
"""

import collections.abc
import importlib.util
import json
import os
import queue
import sys
import threading
import types

from labs_runner import streams, tracebacks, values

MAX_THREADS = 256


class Replies:
    """The descriptor replies go to: whole lines, one at a time."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.lock = threading.Lock()

    def line(self, data):
        with self.lock:
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self.descriptor, view) :]
            except OSError:
                # Nobody listens, or the program closed it: there is no way on.
                flush()
                os._exit(71)

    def send(self, reply):
        """Sends a reply, or in its place why it has no form."""
        try:
            data = values.encode(reply)
        except values.Unusable as error:
            data = values.encode({"id": reply["id"], "unusable": str(error)})
        self.line(data)


class Server:
    def __init__(self, module, workspace, replies):
        self.module = module
        self.workspace = workspace
        self.replies = replies
        self.main = queue.SimpleQueue()
        self.pool = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.main_free = True
        # Calls whose iterators are asked for items only as they are granted.
        self.held = {}
        self.event_loop = None
        # Threads that wait for a call, less the calls that wait for a thread.
        self.idle = 0
        self.threads = 0

    def read_calls(self, descriptor):
        """Hands each line of the descriptor to a thread, until its end."""
        with os.fdopen(descriptor, "rb", buffering=65536, closefd=False) as lines:
            for line in lines:
                try:
                    call = json.loads(line)
                except ValueError:
                    continue
                if call.get("go"):
                    granted = self.held.get(call["id"])
                    if granted:
                        granted.more(call["go"])
                    continue
                if call.get("hold"):
                    self.held[call["id"]] = streams.Granted()
                self.dispatch(call)
        flush()
        os._exit(0)

    def dispatch(self, call):
        with self.lock:
            if self.main_free:
                self.main_free = False
                self.main.put(call)
                return
            if self.idle <= 0 and self.threads < MAX_THREADS:
                self.threads += 1
                threading.Thread(target=self.work, daemon=True).start()
            else:
                self.idle -= 1
            self.pool.put(call)

    def work(self):
        while True:
            self.serve(self.pool.get())
            with self.lock:
                self.idle += 1

    def serve_main(self):
        while True:
            self.serve(self.main.get())
            with self.lock:
                self.main_free = True

    def loop(self):
        with self.lock:
            if self.event_loop is None:
                self.event_loop = streams.Loop()
            return self.event_loop

    def serve(self, call):
        """Makes one call and replies, whatever it does."""
        number = call["id"]
        function = getattr(self.module, call["call"], None)
        if not callable(function):
            missing = {"function": call["call"], "functions": functions_of(self.module)}
            self.replies.send({"id": number, "missing": missing})
            return
        try:
            value = function(*call.get("args", ()))
            if isinstance(value, collections.abc.Awaitable):
                value = self.loop().run(value)
            if hasattr(value, "__aiter__") and not hasattr(value, "__iter__"):
                ahead = 1 if number in self.held else streams.AHEAD
                value = streams.from_async(value, self.loop(), ahead)
            if values.is_stream(value):
                streams.send(number, value, self.replies, self.held.get(number))
            else:
                self.replies.send({"id": number, "ok": value})
        except BaseException as error:  # SystemExit in a call is an answer too
            raised = tracebacks.describe(error, self.workspace)
            self.replies.send({"id": number, "raised": raised})
        finally:
            self.held.pop(number, None)


def functions_of(module):
    """The functions the file defines, in its own order."""
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, types.FunctionType)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]


def load(program, workspace):
    """Imports the file under its own name, as `import fifo` would."""
    path = os.path.join(workspace, program)
    name = os.path.splitext(os.path.basename(program))[0]
    sys.argv = [path]
    sys.path.insert(0, workspace)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or not os.path.isfile(path):
        raise FileNotFoundError(f"{program} is not in the workspace")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass


def main():
    """Serves LABS_PROGRAM on LABS_CALLS_FD and LABS_REPLIES_FD; does not return."""
    calls = int(os.environ["LABS_CALLS_FD"])
    replies = Replies(int(os.environ["LABS_REPLIES_FD"]))
    workspace = os.getcwd()
    # The program's own __main__ is not ours.
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        module = load(os.environ["LABS_PROGRAM"], workspace)
    except BaseException as error:  # sys.exit() at import is a failed load
        failed = tracebacks.describe(error, workspace)
        if isinstance(error, SyntaxError):
            failed["syntax"] = {"line": error.lineno, "column": error.offset, "text": error.text}
        flush()
        replies.line(values.encode({"failed": failed}))
        os._exit(1)
    replies.line(values.encode({"ready": functions_of(module)}))
    server = Server(module, workspace, replies)
    threading.Thread(target=server.read_calls, args=(calls,), daemon=True).start()
    while True:
        try:
            server.serve_main()
        except BaseException:  # a signal of the program's own between two calls
            with server.lock:
                server.main_free = True

