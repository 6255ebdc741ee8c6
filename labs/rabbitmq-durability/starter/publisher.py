"""Puts orders into the queue `kitchen`."""

import os

import pika

HOST = os.environ.get("RABBITMQ_HOST", "rabbitmq")
QUEUE = "kitchen"


def publish(order: str) -> bool:
    """Put an order into the queue. True: the broker has it, and keeps it whatever happens. False: it refused."""
    raise NotImplementedError


def announce(news: str) -> None:
    """Put something into the queue that is worth nothing after a restart of the broker."""
    raise NotImplementedError
