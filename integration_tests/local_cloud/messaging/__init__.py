"""Queues, topics and asynchronous invocations as AWS does them."""
