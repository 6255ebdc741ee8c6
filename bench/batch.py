#!/usr/bin/env python3
"""Thirty submissions of redis-queues graded in one batch, some of which mean harm: is each row right, is anything left?

    batch.py LABS [JOBS]        so many at once, 2 when left out

Right ones in every style, and wrong ones that the lab ships; two that hang, one that crashes, one that shuts Redis down, one that
kills all it can reach in its container. A row is right when the tasks that the submission spoils, and those that need them, have no
points and all others have theirs. Exits with 1 where a row is wrong or something is left on the engine. Needs the docker CLI.
"""

import csv
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from seats import Home, on_engine

LAB = "redis-queues"
SEED = "batch"
FOLDER = pathlib.Path(__file__).parent.parent / "labs" / LAB
# "asyncio" needs a package that submissions of the others do without.
STYLES = ["lists", "lua", "streams", "raw", "asyncio"]
WRONG = [
    "stack-for-queue", "process-memory", "job-as-member", "waiting-take", "deletes-when-empty", "queue-for-stack", "ties-by-name",
    "least-urgent-first", "lazy-polling", "short-naps", "popping", "done-forgotten", "recover-drops", "unconfirmed", "gaps",
]
HARM = {
    "hangs-at-once": ("fifo", "while True:\n    pass\n"),
    "hangs-in-a-call": ("lifo", "import time\n\n\ndef push(*job):\n    time.sleep(100_000)\n\n\npop = push\n"),
    "crashes": ("priority", "import os\n\nos.abort()\n"),
    "shuts-redis-down": ("fifo", "import redis\n\nredis.Redis(host='redis').shutdown(nosave=True)\n"),
    "kills-its-container": ("lifo", "import os\nimport signal\n\nos.kill(1, signal.SIGTERM)\nos.kill(-1, signal.SIGKILL)\n"),
}
GRADED_WITHIN = 3000


def made(folder, by_hand):
    """Makes the submissions; which tasks each of them spoils."""
    spoils = {}

    def submission(name, *sources):
        target = folder / name
        target.mkdir()
        (target / "apply.sh").write_text(by_hand)
        for source in sources:
            for file in source.iterdir():
                shutil.copy(file, target)
        spoils[name] = set()
        return target

    right, wrong = FOLDER / "solutions", FOLDER / "wrong"
    for style in STYLES:
        for again in range(2):
            submission(f"right-{style}-{again + 1}", right / "lists", right / style)
    for name in WRONG:
        submission(f"wrong-{name}", right / "lists", wrong / name)
        spoils[f"wrong-{name}"] = {file.stem for file in (wrong / name).iterdir()}
    for name, (task, source) in HARM.items():
        target = submission(name, right / "lists")
        (target / f"{task}.py").write_text(source)
        spoils[name] = {task}
    return spoils


def by_hand(home):
    """The commands of the task without a program, with the values of this batch."""
    started = home.run("run", LAB, "--seed", SEED, "--detach")
    if started:
        sys.exit(f"batch.py: the lab does not start: {started}")
    shown = subprocess.run(
        [home.labs, "solution", LAB, "by-hand", "--json"], env=home.environment, stdout=subprocess.PIPE, check=True
    )
    home.run("stop", LAB)
    return "\n".join(step["run"] for step in json.loads(shown.stdout)["steps"]) + "\n"


def is_right(row, spoilt, tasks):
    """Whether a row has all points but those of the tasks that are spoilt, or need one that is."""
    expected, without = {}, set(spoilt)
    for task in tasks:
        if without.intersection(task["needs"]):
            without.add(task["id"])
        expected[task["id"]] = 0 if task["id"] in without else task["points"]
    points = {name.removeprefix("task "): int(value or 0) for name, value in row.items() if name.startswith("task ")}
    return points == expected and row["verdict"] == ("fail" if spoilt else "pass") and not row["error"]


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    labs, jobs = str(pathlib.Path(sys.argv[1]).resolve()), (sys.argv[2:] or ["2"])[0]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        home, submissions = Home(labs, folder / "home"), folder / "class"
        submissions.mkdir()
        spoils = made(submissions, by_hand(home))
        lab = json.loads(subprocess.check_output([labs, "info", LAB, "--json"], env=home.environment))
        began = time.monotonic()
        graded = subprocess.run(
            [labs, "grade", LAB, "--submissions", submissions, "--seed", SEED, "--jobs", jobs],
            env=home.environment, stdin=subprocess.DEVNULL, timeout=GRADED_WITHIN, check=False,
        )
        seconds = time.monotonic() - began
        with (folder / "class-grades/grades.csv").open(newline="") as table:
            rows = {row["submission"]: row for row in csv.DictReader(table)}
        bad = [name for name in spoils if name not in rows or not is_right(rows[name], spoils[name], lab["tasks"])]
        home.run("gc")
        left = on_engine([home])
    print(f"{len(rows)} of {len(spoils)} graded in {seconds:.0f} s, {jobs} at once: {len(spoils) - len(bad)} rows right")
    for name in bad:
        print(f"{name}: {dict(rows.get(name, {}))}", file=sys.stderr)
    print(f"left on the engine: {' '.join(left) or 'nothing'}")
    sys.exit(1 if bad or left or graded.returncode else 0)


if __name__ == "__main__":
    main()
