"""Puts orders into the queue `kitchen`. Nothing is to be done here."""

import os

import pika

HOST = os.environ.get("RABBITMQ_HOST", "rabbitmq")
QUEUE = "kitchen"


def publish(order: str) -> bool:
    """Put an order into the queue, where it outlives the broker. True: the broker has it."""
    with pika.BlockingConnection(pika.ConnectionParameters(HOST)) as connection:
        channel = connection.channel()
        channel.queue_declare(QUEUE, durable=True)
        channel.confirm_delivery()
        properties = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent.value)
        channel.basic_publish("", QUEUE, order.encode(), properties, mandatory=True)
    return True
