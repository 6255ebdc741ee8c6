"""The workspace's files: written from frames, wiped between checks."""

import os

MAX_BYTES = 64 * 1024 * 1024
MAX_FILES = 4096


class Refused(Exception):
    """A file that will not be written, and why."""


class Incoming:
    """A file that is arriving."""

    def __init__(self, root, path, size):
        target = os.path.normpath(os.path.join(root, path))
        if "\0" in path or not target.startswith(os.path.join(root, "")):
            raise Refused(f"{path!r} is not a path inside the workspace")
        self.left = size
        folder = os.path.dirname(target)
        os.makedirs(folder, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        self.descriptor = os.open(target, flags, 0o644)

    def write(self, data):
        """Writes a piece; True when the file is complete."""
        if len(data) > self.left:
            self.close()
            raise Refused("more bytes than announced")
        self.left -= len(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self.descriptor, view) :]
        if self.left == 0:
            self.close()
            return True
        return False

    def close(self):
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def wipe(root):
    """Empties a folder whatever the program made of it; returns what is left.

    Folders are first moved up to the top, so that a path never gets longer
    than the system takes, however deep the program nested them.
    """
    waiting = [root]
    count = 0
    while waiting:
        folder = waiting.pop()
        try:
            if folder != root:
                os.chmod(folder, 0o700)
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            try:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)
                    continue
                if folder == root:
                    place = entry.path
                else:
                    count += 1
                    place = os.path.join(root, f".wipe-{os.getpid()}-{count}")
                    # A folder without write permission cannot be moved: its
                    # own ".." would change.
                    os.chmod(entry.path, 0o700)
                    os.rename(entry.path, place)
                waiting.append(place)
            except OSError:
                continue
        if folder != root:
            try:
                os.rmdir(folder)
            except OSError:
                continue
    return os.listdir(root)
