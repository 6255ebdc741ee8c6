"""An idle worker waits in BLMOVE; the job stays on a list of work begun until it is dropped there."""

from resp import command


def put(job: str) -> None:
    command("LPUSH", "blocking:jobs", job)


def take(timeout: float) -> str | None:
    job = command("BLMOVE", "blocking:jobs", "blocking:begun", "RIGHT", "LEFT", timeout)
    if job is not None:
        command("LREM", "blocking:begun", 1, job)
    return job
