"""Puts orders into the queue `kitchen`."""

import os
from functools import cache

import amqp

HOST = os.environ.get("RABBITMQ_HOST", "rabbitmq")
QUEUE = "kitchen"


@cache
def channel() -> amqp.Channel:
    connection = amqp.Connection(f"{HOST}:5672", confirm_publish=True)
    connection.connect()
    opened = connection.channel()
    opened.queue_declare(QUEUE, durable=True, auto_delete=False)
    return opened


def publish(order: str) -> bool:
    """Put an order into the queue. True: the broker has it, and keeps it whatever happens. False: it refused."""
    try:
        channel().basic_publish_confirm(amqp.Message(order, delivery_mode=2), routing_key=QUEUE)
    except amqp.exceptions.MessageNacked:
        return False
    return True


def announce(news: str) -> None:
    """Put something into the queue that is worth nothing after a restart of the broker."""
    channel().basic_publish_confirm(amqp.Message(news, delivery_mode=1), routing_key=QUEUE)
