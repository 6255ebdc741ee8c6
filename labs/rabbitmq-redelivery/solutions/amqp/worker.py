"""Takes orders out of the queue `kitchen` as a consumer, to which the broker sends them."""

import os
from collections import deque

import amqp

from publisher import publish

HOST = os.environ.get("RABBITMQ_HOST", "rabbitmq")
QUEUE = "kitchen"
SECONDS = 0.5

connection = amqp.Connection(f"{HOST}:5672")
connection.connect()
channel = connection.channel()
channel.queue_declare(QUEUE, durable=True, auto_delete=False)
# So many orders are sent to this worker before it has finished one.
channel.basic_qos(0, 2, False)
arrived = deque()
held = {}
channel.basic_consume(QUEUE, callback=arrived.append)


def take() -> str | None:
    """The next order; None, soon, if nothing is there. The worker holds it until `done`."""
    try:
        while not arrived:
            connection.drain_events(timeout=SECONDS)
    except TimeoutError:
        return None
    message = arrived.popleft()
    order = message.body.decode()
    held[order] = message
    return order


def done(order: str) -> None:
    """The worker has finished an order that it holds."""
    message = held.pop(order)
    message.channel.basic_ack(message.delivery_tag)
