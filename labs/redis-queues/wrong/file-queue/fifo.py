"""A queue in a file, locked against the others on this machine."""

import fcntl
import os

PATH = "/tmp/fifo-jobs"


def _locked():
    file = open(PATH, "a+")
    fcntl.flock(file, fcntl.LOCK_EX)
    file.seek(0)
    return file


def put(job: str) -> None:
    with _locked() as file:
        file.seek(0, os.SEEK_END)
        file.write(job + "\n")


def take() -> str | None:
    with _locked() as file:
        jobs = file.read().splitlines()
        if not jobs:
            return None
        file.seek(0)
        file.truncate()
        file.writelines(job + "\n" for job in jobs[1:])
        return jobs[0]
