"""Puts orders into the queue `kitchen`, over a connection that stays open."""

import os
from functools import cache

import amqp

HOST = os.environ.get("RABBITMQ_HOST", "rabbitmq")
QUEUE = "kitchen"


@cache
def channel() -> amqp.Channel:
    connection = amqp.Connection(f"{HOST}:5672", confirm_publish=True)
    connection.connect()
    return connection.channel()


def send(text: str, mode: int) -> None:
    # Declared anew each time: it may have been deleted, and then the broker confirms what nobody gets.
    channel().queue_declare(QUEUE, durable=True, auto_delete=False)
    channel().basic_publish_confirm(amqp.Message(text, delivery_mode=mode), routing_key=QUEUE)


def publish(order: str) -> bool:
    """Put an order into the queue. True: the broker has it, and keeps it whatever happens. False: it refused."""
    try:
        send(order, 2)
    except amqp.exceptions.MessageNacked:
        return False
    return True


def announce(news: str) -> None:
    """Put something into the queue that is worth nothing after a restart of the broker."""
    send(news, 1)
