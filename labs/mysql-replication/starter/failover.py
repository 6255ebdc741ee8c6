"""The source is dead: one of its replicas takes over."""

import pymysql

REPLICAS = ["replica-1", "replica-2"]


def connect(server: str):
    return pymysql.connect(host=server, user="root", password="labs", autocommit=True)


def promote() -> str:
    """Make one replica the source and let the other follow it; return its name."""
    raise NotImplementedError
