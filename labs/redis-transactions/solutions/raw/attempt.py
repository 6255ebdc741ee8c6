"""MULTI and EXEC by hand; a transaction with a command that Redis refuses is discarded."""

from resp import command


def attempt(steps: list) -> list[int] | None:
    command("MULTI")
    try:
        for do, _ in steps:
            command(*do)
    except RuntimeError:
        command("DISCARD")
        return None
    answers = command("EXEC")
    failed = [n for n, answer in enumerate(answers) if isinstance(answer, RuntimeError)]
    if failed:
        command("MULTI")
        for n in reversed(range(len(steps))):
            if n not in failed:
                command(*steps[n][1])
        command("EXEC")
    return failed
