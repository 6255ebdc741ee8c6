"""WATCH, MULTI and EXEC by hand."""

from resp import command


def buy(stock: str) -> bool:
    while True:
        command("WATCH", stock)
        left = int(command("GET", stock) or 0)
        if left < 1:
            command("UNWATCH")
            return False
        command("MULTI")
        command("SET", stock, left - 1)
        if command("EXEC") is not None:
            return True
