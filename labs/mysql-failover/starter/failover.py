"""The source is dead: one of its replicas takes over."""

import pymysql

REPLICAS = ["replica-1", "replica-2"]
TLS = {"check_hostname": False}  # without it the server takes no password


def connect(server: str):
    return pymysql.connect(host=server, user="root", password="labs", ssl=TLS, autocommit=True)


def promote() -> str:
    """Make one replica the source and let the other follow it; return its name."""
    raise NotImplementedError
