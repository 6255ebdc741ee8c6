"""Takes orders out of the queue `kitchen`."""

import os

import pika

from publisher import publish

HOST = os.environ.get("RABBITMQ_HOST", "rabbitmq")
QUEUE = "kitchen"


def take() -> str | None:
    """The next order; None, soon, if nothing is there. The worker holds it until `done`."""
    raise NotImplementedError


def done(order: str) -> None:
    """The worker has finished an order that it holds."""
    raise NotImplementedError
