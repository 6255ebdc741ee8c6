"""The source is dead: one of its replicas takes over."""

import time

import pymysql
from pymysql.cursors import DictCursor

REPLICAS = ["replica-1", "replica-2"]
TLS = {"check_hostname": False}  # without it the server takes no password


def connect(server: str):
    return pymysql.connect(host=server, user="root", password="labs", ssl=TLS, autocommit=True, cursorclass=DictCursor)


def status(connection) -> dict:
    with connection.cursor() as cursor:
        cursor.execute("SHOW REPLICA STATUS")
        return cursor.fetchone()


def run(connection, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def contains(connection, larger: str, smaller: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT GTID_SUBTRACT(%s, %s) = '' AS yes", (smaller, larger))
        return bool(cursor.fetchone()["yes"])


def known(connection) -> str:
    shown = status(connection)
    return ",".join(part for part in (shown["Executed_Gtid_Set"], shown["Retrieved_Gtid_Set"]) if part)


def promote() -> str:
    """Make one replica the source and let the other follow it; return its name."""
    one, two = REPLICAS
    servers = {name: connect(name) for name in REPLICAS}
    best = two if contains(servers[two], known(servers[two]), known(servers[one])) else one
    other = one if best == two else two

    chosen = servers[best]
    run(chosen, "STOP REPLICA IO_THREAD", "START REPLICA SQL_THREAD")
    while not contains(chosen, status(chosen)["Executed_Gtid_Set"], status(chosen)["Retrieved_Gtid_Set"]):
        time.sleep(0.02)
    run(chosen, "STOP REPLICA SQL_THREAD", "RESET REPLICA ALL", "SET GLOBAL read_only = OFF")
    run(
        servers[other],
        "STOP REPLICA",
        "RESET REPLICA ALL",
        f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='{best}', SOURCE_USER='root', SOURCE_PASSWORD='labs', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1",
        "START REPLICA",
    )
    return best
