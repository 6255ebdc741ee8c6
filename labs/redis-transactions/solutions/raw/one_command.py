"""The script goes along with every purchase."""

from resp import command

BUY = """
if tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 0 end
redis.call('DECR', KEYS[1])
return 1
"""


def buy(stock: str) -> bool:
    return command("EVAL", BUY, 1, stock) == 1
