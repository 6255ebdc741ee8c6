"""The source is dead: one of its replicas takes over."""

import pymysql

REPLICAS = ["replica-1", "replica-2"]
TLS = {"check_hostname": False}  # without it the server takes no password


def connect(server: str):
    return pymysql.connect(host=server, user="root", password="labs", ssl=TLS, autocommit=True)


def promote() -> str:
    """Make one replica the source and let the other follow it; return its name."""
    servers = {name: connect(name).cursor() for name in REPLICAS}

    def ask(name: str, statement: str, *args):
        servers[name].execute(statement, args)
        return servers[name].fetchone()[0]

    def do(name: str, *statements: str):
        for statement in statements:
            servers[name].execute(statement)

    def known(name: str) -> str:
        received = ask(name, "SELECT RECEIVED_TRANSACTION_SET FROM performance_schema.replication_connection_status")
        return ask(name, "SELECT @@GLOBAL.gtid_executed") + "," + received

    one, two = REPLICAS
    best, other = (one, two) if ask(one, "SELECT GTID_SUBSET(%s, %s)", known(two), known(one)) else (two, one)
    do(best, "STOP REPLICA", "RESET REPLICA ALL", "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF")
    do(other, "STOP REPLICA", f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{best}', SOURCE_AUTO_POSITION = 1", "START REPLICA")
    return best
