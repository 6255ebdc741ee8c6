"""Orders: written on the source, read from its replicas."""

import pymysql

SOURCE = "source"
REPLICAS = ["replica-1", "replica-2"]
TLS = {"check_hostname": False}  # without it the server takes no password
written = ""


def connect(server: str):
    return pymysql.connect(host=server, user="root", password="labs", ssl=TLS, autocommit=True, connect_timeout=2, read_timeout=2)


def ask(server: str, *statements):
    with connect(server) as connection, connection.cursor() as cursor:
        for statement, args in statements:
            cursor.execute(statement, args)
        return cursor.fetchone()[0]


def place(order: int, amount: int) -> None:
    """Store an order, or its new amount, in shop.orders."""
    global written
    written = ask(SOURCE, ("REPLACE INTO shop.orders VALUES (%s, %s)", (order, amount)), ("SELECT @@GLOBAL.gtid_executed", ()))


def amount(order: int) -> int | None:
    """The amount of an order, never older than what this process has written; None if there is none."""
    select = ("SELECT amount FROM shop.orders WHERE id = %s", order)
    for replica in REPLICAS:
        try:
            if ask(replica, ("SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", (written, 0.5))) == 0:
                return ask(replica, select)
        except pymysql.MySQLError:
            pass
    return ask(SOURCE, select)
