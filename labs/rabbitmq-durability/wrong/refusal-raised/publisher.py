"""Puts orders into the queue `kitchen`."""

import os

import pika

HOST = os.environ.get("RABBITMQ_HOST", "rabbitmq")
QUEUE = "kitchen"


def send(text: str, mode: int) -> None:
    with pika.BlockingConnection(pika.ConnectionParameters(HOST)) as connection:
        channel = connection.channel()
        channel.queue_declare(QUEUE, durable=True)
        channel.confirm_delivery()
        properties = pika.BasicProperties(delivery_mode=mode)
        channel.basic_publish("", QUEUE, text.encode(), properties, mandatory=True)


def publish(order: str) -> bool:
    """Put an order into the queue. True: the broker has it, and keeps it whatever happens. False: it refused."""
    send(order, pika.DeliveryMode.Persistent.value)
    return True


def announce(news: str) -> None:
    """Put something into the queue that is worth nothing after a restart of the broker."""
    send(news, pika.DeliveryMode.Transient.value)
