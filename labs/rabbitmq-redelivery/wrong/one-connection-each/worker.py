"""Takes orders out of the queue `kitchen`."""

import os

import pika

from publisher import publish

HOST = os.environ.get("RABBITMQ_HOST", "rabbitmq")
QUEUE = "kitchen"


def connect() -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.ConnectionParameters(HOST))


def take() -> str | None:
    """The next order; None, soon, if nothing is there. The worker holds it until `done`."""
    with connect() as connection:
        channel = connection.channel()
        channel.queue_declare(QUEUE, durable=True)
        method, _, body = channel.basic_get(QUEUE)
        return None if method is None else body.decode()


def done(order: str) -> None:
    """The worker has finished an order that it holds."""
    with connect() as connection:
        channel = connection.channel()
        method, _, _ = channel.basic_get(QUEUE)
        channel.basic_ack(method.delivery_tag)
