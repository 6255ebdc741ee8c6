"""Results that come item by item: generators, iterators."""

import queue
import threading
import time

from labs_runner import values

MAX_ITEMS = 1000
MAX_WAIT = 0.02
# How far an asynchronous iterator may be ahead of what is asked for: waking its loop for each item takes long.
AHEAD = 1000
# A batch above this is sent in halves, so that a line keeps its bound.
MAX_BATCH = 1024 * 1024


def send(number, items, replies, granted=None):
    """Sends the items in batches, each as soon as the next one is not there yet.

    With `granted`, an item is asked for only when it is.

    The helper thread runs when the iterator waits (or every 5 ms when it does
    not) and sends what has gathered; a busy iterator sends full batches itself.
    """
    replies.send({"id": number, "stream": True})
    if granted is not None:
        items = granted.only(items)
    batch = Batch(number, replies)
    helper = threading.Thread(target=batch.run, daemon=True)
    helper.start()
    try:
        for item in items:
            batch.add(item)
    except values.Unusable as error:
        batch.stop(helper)
        replies.send({"id": number, "unusable": str(error)})
        return
    except BaseException:
        batch.stop(helper)
        raise
    batch.stop(helper)
    replies.send({"id": number, "end": True})


class Granted:
    """How many more items of an iterator may be asked for."""

    def __init__(self):
        self.count = threading.Semaphore(0)
        self.all = False

    def more(self, count):
        """So many more; True: all that there are."""
        if count is True:
            self.all = True
            count = 1
        self.count.release(count)

    def only(self, items):
        """The items, each asked for when it is granted."""
        items = iter(items)
        while True:
            if not self.all:
                self.count.acquire()
            try:
                item = next(items)
            except StopIteration:
                return
            yield item


def from_async(items, loop, ahead=AHEAD):
    """An asynchronous iterator as an ordinary one; it runs on the loop, as one task, at most so many items ahead."""
    import asyncio

    arrived = queue.SimpleQueue()
    asked = asyncio.Semaphore(0)

    async def pump():
        try:
            await asked.acquire()
            async for item in items:
                arrived.put((item, None))
                await asked.acquire()
            arrived.put((None, StopIteration()))
        except BaseException as error:
            arrived.put((None, error))

    def ask(count):
        for _ in range(count):
            asked.release()

    loop.start(pump())
    asked_for = taken = 0
    while True:
        # By halves: each time the loop is woken.
        if asked_for - taken <= ahead // 2:
            loop.loop.call_soon_threadsafe(ask, taken + ahead - asked_for)
            asked_for = taken + ahead
        item, error = arrived.get()
        taken += 1
        if isinstance(error, StopIteration):
            return
        if error is not None:
            raise error
        yield item


class Loop:
    """The one event loop of a process, in a thread of its own: what a program keeps between calls stays usable."""

    def __init__(self):
        import asyncio

        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def start(self, coroutine):
        import asyncio

        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def run(self, awaitable):
        async def awaited():
            return await awaitable

        return self.start(awaited()).result()


class Batch:
    def __init__(self, number, replies):
        self.number = number
        self.replies = replies
        self.items = []
        self.lock = threading.Lock()
        self.waiting = threading.Event()
        self.done = False
        self.failed = None
        self.sent_at = time.monotonic()

    def add(self, item):
        if self.failed:
            raise self.failed
        with self.lock:
            self.items.append(item)
            size = len(self.items)
        if size == 1:
            self.waiting.set()
        elif size >= MAX_ITEMS or time.monotonic() > self.sent_at + MAX_WAIT:
            self.flush()

    def flush(self):
        with self.lock:
            items, self.items = self.items, []
            self.sent_at = time.monotonic()
            if items:
                self.write(items)

    def write(self, items):
        try:
            line = values.encode({"id": self.number, "items": items})
        except values.Unusable:
            if len(items) == 1:
                raise
            line = None
        if line is not None and (len(line) <= MAX_BATCH or len(items) == 1):
            self.replies.line(line)
            return
        middle = len(items) // 2
        self.write(items[:middle])
        self.write(items[middle:])

    def run(self):
        while not self.done:
            self.waiting.wait()
            self.waiting.clear()
            try:
                self.flush()
            except values.Unusable as error:
                self.failed = error
                return

    def stop(self, helper):
        self.done = True
        self.waiting.set()
        helper.join()
        if self.failed is None:
            self.flush()
