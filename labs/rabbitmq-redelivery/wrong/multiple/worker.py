"""Takes orders out of the queue `kitchen`."""

import os

import pika

from publisher import publish

HOST = os.environ.get("RABBITMQ_HOST", "rabbitmq")
QUEUE = "kitchen"

connection = pika.BlockingConnection(pika.ConnectionParameters(HOST))
channel = connection.channel()
channel.queue_declare(QUEUE, durable=True)
tags = {}


def take() -> str | None:
    """The next order; None, soon, if nothing is there. The worker holds it until `done`."""
    method, _, body = channel.basic_get(QUEUE)
    if method is None:
        return None
    order = body.decode()
    tags[order] = method.delivery_tag
    return order


def done(order: str) -> None:
    """The worker has finished an order that it holds."""
    channel.basic_ack(tags.pop(order), multiple=True)
