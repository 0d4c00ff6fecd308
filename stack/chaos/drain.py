"""Waits until nothing is under way any more, and says what is."""

import time

import psycopg
from confluent_kafka import KafkaException

from chaos import topics
from chaos.world import World

# What each consumer with an inbox wants of its topics; audit takes everything.
WANTED = {
    "audit": None,
    "notify": ("user.password_changed.v1", "user.updated.v1", "auth.sign_in.v1", "auth.sign_in_failed.v1"),
    "reports": ("transaction.created.v1", "transaction.updated.v1", "transaction.deleted.v1"),
}
NOT_TAKEN = """SELECT count(*) FROM event_log WHERE (%(types)s::text[] IS NULL OR type = ANY(%(types)s))
               AND NOT EXISTS (SELECT FROM inbox WHERE consumer = %(consumer)s AND event_id = event_log.id)"""


def left(world: World, connection: psycopg.Connection) -> dict[str, int]:
    """What is under way, by its name; empty when there is nothing."""
    found = {"outbox": connection.execute("SELECT count(*) FROM outbox").fetchone()[0]}
    for state, count in connection.execute("SELECT state, count(*) FROM jobs WHERE state NOT IN ('done', 'failed') GROUP BY state").fetchall():
        found[f"jobs {state}"] = count
    for consumer, types in WANTED.items():
        found[consumer] = connection.execute(NOT_TAKEN, {"types": types and list(types), "consumer": consumer}).fetchone()[0]
    if not any(found.values()) and not world.solo:
        # It has no inbox: the broker knows where it is.
        found["feed"] = topics.behind(world, "feed")
    return {name: count for name, count in found.items() if count}


def drain(world: World, seconds: float) -> tuple[float, dict[str, int]]:
    """How long it took, and what was left when the time was over."""
    began, rest = time.monotonic(), {"PostgreSQL": 1}
    while rest and time.monotonic() - began < seconds:
        try:
            with world.connect() as connection:
                while (rest := left(world, connection)) and time.monotonic() - began < seconds:
                    time.sleep(0.1)
        except (psycopg.OperationalError, KafkaException):
            time.sleep(0.2)
    return time.monotonic() - began, rest
