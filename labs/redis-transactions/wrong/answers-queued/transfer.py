"""Returns what is answered while commands are queued."""

from resp import command


def transfer(payer: str, payee: str, cents: int) -> list[int]:
    command("MULTI")
    taken = command("DECRBY", payer, cents)
    given = command("INCRBY", payee, cents)
    command("EXEC")
    return [taken, given]
