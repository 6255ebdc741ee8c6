"""Orders: written on the source, read from its replicas."""

import random
import time

import pymysql

SOURCE = "source"
REPLICAS = ["replica-1", "replica-2"]
TLS = {"check_hostname": False}  # without it the server takes no password
connections = {}
seen = None


def connect(server: str):
    return pymysql.connect(host=server, user="root", password="labs", ssl=TLS, autocommit=True, connect_timeout=2, read_timeout=2)


def execute(server: str, statement: str, *args):
    try:
        if server not in connections:
            connections[server] = connect(server)
        with connections[server].cursor() as cursor:
            cursor.execute(statement, args)
            return cursor.fetchone()
    except pymysql.MySQLError:
        connections.pop(server, None)
        raise


def place(order: int, amount: int) -> None:
    """Store an order, or its new amount, in shop.orders."""
    global seen
    execute(SOURCE, "INSERT INTO shop.orders VALUES (%s, %s) AS new ON DUPLICATE KEY UPDATE amount = new.amount", order, amount)
    (seen,) = execute(SOURCE, "SELECT @@GLOBAL.gtid_executed")


def has_it(replica: str) -> bool:
    try:
        return seen is None or execute(replica, "SELECT GTID_SUBSET(%s, @@GLOBAL.gtid_executed)", seen) == (1,)
    except pymysql.MySQLError:
        return False


def amount(order: int) -> int | None:
    """The amount of an order, never older than what this process has written; None if there is none."""
    statement = "SELECT amount FROM shop.orders WHERE id = %s"
    until = time.monotonic() + 1
    while time.monotonic() < until:
        fit = [replica for replica in REPLICAS if has_it(replica)]
        if fit:
            row = execute(random.choice(fit), statement, order)
            return row[0] if row else None
        time.sleep(0.01)
    row = execute(SOURCE, statement, order)
    return row[0] if row else None
