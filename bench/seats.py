#!/usr/bin/env python3
"""How seats fare in numbers. Each has a home of its own, as if each were another user's.

    seats.py LABS crowd [SEATS]     so many seats of redis-queues started at once, 50 when left out
    seats.py LABS cycles [CYCLES]   one seat started and stopped so often, 1000 when left out

`crowd` prints how long the starts took (from the common beginning, which is what the last of them waits) and how many failed;
`cycles` the times, the memory of the engine and the size of the record after the first fifty and at the end. Both print
what is left on the engine when all is stopped, and exit with 1 where something failed or is left. Needs the docker CLI.
"""

import concurrent.futures
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

LAB = "redis-queues"
# A start that takes longer has failed.
START_WITHIN = 600
SAMPLE = 50


class Home:
    """A user with a record and seats of their own."""

    def __init__(self, labs, folder):
        self.labs = labs
        self.environment = {k: v for k, v in os.environ.items() if k not in ("XDG_DATA_HOME", "LABS_DIR")}
        self.environment["HOME"] = str(folder)
        folder.mkdir()
        self.record = folder / ".local/share/labs/labs.db"

    def installation(self):
        """What its labs marks as its own on the engine; None where it came to nothing."""
        try:
            return self.record.with_name("installation").read_text().strip()
        except OSError:
            return None

    def run(self, *args):
        """Runs labs; what it said where it failed."""
        try:
            ran = subprocess.run(
                [self.labs, *args], env=self.environment, capture_output=True, text=True,
                stdin=subprocess.DEVNULL, timeout=START_WITHIN, check=False,
            )
        except subprocess.TimeoutExpired:
            return f"not done after {START_WITHIN} s"
        return None if ran.returncode == 0 else ran.stderr.strip() or f"exit code {ran.returncode}"


def on_engine(homes):
    """The names of all that the labs of these homes have on the engine."""
    owners = {home.installation() for home in homes} - {None}
    found = []
    for kind, command, name in [
        ("container", ["ps", "-a"], "Names"), ("network", ["network", "ls"], "Name"), ("volume", ["volume", "ls"], "Name"),
    ]:
        columns = '{{.Label "labs.owner"}} {{.' + name + "}}"
        asked = ["docker", *command, "--filter", "label=labs.owner", "--format", columns]
        listed = subprocess.run(asked, capture_output=True, text=True, check=True)
        rows = (line.split() for line in listed.stdout.splitlines())
        found += [f"{kind} {name}" for owner, name in rows if owner in owners]
    return found


def memory_of(process):
    """The resident megabytes of the processes of a name."""
    total = 0
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except (OSError, ValueError):
            continue
        if lines["Name"].strip() == process:
            total += int(lines.get("VmRSS", "0 kB").split()[0])
    return f"{total / 1024:.0f} MB" if total else "unknown"


def size_of(record):
    return f"{record.stat().st_size / 1024:.0f} KiB" if record.exists() else "none"


def figures(seconds):
    p95 = statistics.quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
    return f"p50 {statistics.median(seconds):.2f} s, p95 {p95:.2f} s, longest {max(seconds):.2f} s"


def crowd(labs, folder, seats):
    homes = [Home(labs, folder / str(number)) for number in range(seats)]
    began = time.monotonic()

    def start(home):
        failed = home.run("run", LAB, "--detach")
        return failed, time.monotonic() - began

    with concurrent.futures.ThreadPoolExecutor(seats) as pool:
        started = list(pool.map(start, homes))
        failures = [failed for failed, _ in started if failed]
        took = [seconds for failed, seconds in started if not failed]
        print(f"{seats} seats of {LAB} started at once: {len(failures)} failed" + (f", {figures(took)}" if took else ""))
        for failed in sorted(set(failures)):
            print(f"  {failures.count(failed)} times: {failed}")
        began = time.monotonic()
        stopped = list(pool.map(lambda home: home.run("stop", LAB), homes))
        for home in homes:
            home.run("gc")
        not_stopped = [failed for (start, _), failed in zip(started, stopped) if failed and not start]
        print(f"stopped in {time.monotonic() - began:.1f} s: {len(not_stopped)} failed")
    return homes, not failures and not not_stopped


def cycles(labs, folder, count):
    home = Home(labs, folder / "home")
    took, failures = [], 0
    memory = record = ""
    for number in range(count):
        began = time.monotonic()
        for failed in (home.run("run", LAB, "--detach"), home.run("stop", LAB)):
            if failed:
                failures += 1
                print(f"  cycle {number + 1}: {failed}")
        took.append(time.monotonic() - began)
        if number + 1 == min(SAMPLE, count):
            memory, record = memory_of("dockerd"), size_of(home.record)
    first, last = statistics.median(took[:SAMPLE]), statistics.median(took[-SAMPLE:])
    print(f"{count} times started and stopped: {failures} failed, {first:.2f} s each at first, {last:.2f} s at the end")
    print(f"memory of dockerd after {min(SAMPLE, count)}: {memory}, after all: {memory_of('dockerd')}")
    print(f"the record: {record}, then {size_of(home.record)}")
    home.run("gc")
    return [home], not failures


def main():
    kinds = {"crowd": (crowd, 50), "cycles": (cycles, 1000)}
    if len(sys.argv) not in (3, 4) or sys.argv[2] not in kinds:
        sys.exit(__doc__)
    labs, (kind, count) = os.path.abspath(sys.argv[1]), kinds[sys.argv[2]]
    with tempfile.TemporaryDirectory() as folder:
        homes, held = kind(labs, pathlib.Path(folder), int(sys.argv[3]) if len(sys.argv) == 4 else count)
        left = on_engine(homes)
    print(f"left on the engine: {len(left)}")
    for name in sorted(left):
        print(f"  {name}")
    sys.exit(0 if held and not left else 1)


if __name__ == "__main__":
    main()
