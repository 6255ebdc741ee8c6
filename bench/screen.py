#!/usr/bin/env python3
"""What the screen of `labs run` costs, on a seat that runs.

    screen.py LABS LAB ROUNDS

Prints three lines: `paint`, the milliseconds from the start of the process to the first task on the screen, a figure a
round; `idle`, the part of a core used while nothing happens, in percent; `redraw`, milliseconds of CPU for one drawing of
everything, as after a change of the terminal's size.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

# The foot of the screen: what is drawn last.
LAST = b"q quit"
IDLE_SECONDS = 10
REDRAWS = 50
TICKS = os.sysconf("SC_CLK_TCK")


class Screen:
    def __init__(self, labs, lab):
        self.began = time.monotonic()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm-256color"
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            os.execv(labs, [labs, "run", lab])

    def until_drawn(self):
        """Reads until the whole screen has been drawn once more."""
        seen = b""
        while LAST not in seen:
            readable, _, _ = select.select([self.terminal], [], [], 30)
            if not readable:
                sys.exit("the screen is not drawn")
            seen += os.read(self.terminal, 65536)

    def rest(self, seconds):
        """Reads what comes for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.terminal], [], [], left)[0]:
                os.read(self.terminal, 65536)

    def resize(self, columns):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def cpu(self):
        """Seconds of CPU so far."""
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def leave(self):
        os.write(self.terminal, b"q")
        while True:
            try:
                if not os.read(self.terminal, 65536):
                    break
            except OSError:
                break
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


def main():
    labs, lab, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    paints = []
    for _ in range(rounds + 1):
        screen = Screen(labs, lab)
        screen.until_drawn()
        paints.append((time.monotonic() - screen.began) * 1000)
        screen.leave()
    # The first only warms up.
    print("paint", *(f"{paint:.1f}" for paint in paints[1:]))
    screen = Screen(labs, lab)
    screen.until_drawn()
    screen.rest(2)
    before = screen.cpu()
    screen.rest(IDLE_SECONDS)
    print("idle", f"{(screen.cpu() - before) / IDLE_SECONDS * 100:.1f}")
    before = screen.cpu()
    for nth in range(REDRAWS):
        screen.resize(100 - nth % 2 * 20)
        screen.until_drawn()
    print("redraw", f"{(screen.cpu() - before) / REDRAWS * 1000:.1f}")
    screen.leave()


main()
