"""MULTI and EXEC by hand."""

from resp import command


def transfer(payer: str, payee: str, cents: int) -> list[int]:
    command("MULTI")
    command("DECRBY", payer, cents)
    command("INCRBY", payee, cents)
    return command("EXEC")
