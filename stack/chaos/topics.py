"""What lies in Kafka, against the log."""

import json

from confluent_kafka import Consumer, KafkaException, TopicPartition

from chaos.findings import Findings
from chaos.model import inversions
from chaos.world import TOPICS, World

VERSIONED = ("user.events", "transaction.events", "category.events")
# What the consumer `feed` reads.
FED = (*VERSIONED, "auth.events")


def records(world: World) -> list[tuple[str, str, int, str]]:
    """Every record, in the order of its partition: topic, aggregate, version, event."""
    consumer = Consumer({**world.kafka(), "group.id": f"{world.prefix}checker", "enable.auto.commit": False, "fetch.wait.max.ms": 50})
    found = []
    try:
        left = {}
        for topic in TOPICS:
            for partition in range(3):
                place = TopicPartition(world.prefix + topic, partition, 0)
                _, end = consumer.get_watermark_offsets(place, timeout=10)
                if end:
                    left[place.topic, partition] = end
        consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in left])
        while left:
            record = consumer.poll(10)
            if record is None:
                raise KafkaException(f"no records of {sorted(left)}")
            event = json.loads(record.value())
            topic = record.topic().removeprefix(world.prefix)
            found.append((topic, event["subject"], event["sequence"], event["id"]))
            if record.offset() + 1 >= left.get((record.topic(), record.partition()), 0):
                left.pop((record.topic(), record.partition()), None)
    finally:
        consumer.close()
    return found


def behind(world: World, group: str) -> int:
    """How many records lie before a group that has no inbox."""
    onlooker, count = Consumer({**world.kafka(), "group.id": world.prefix + group, "enable.auto.commit": False}), 0
    try:
        # What it was never given it has not committed either.
        for place in onlooker.committed([TopicPartition(world.prefix + topic, partition) for topic in FED for partition in range(3)], timeout=10):
            begin, end = onlooker.get_watermark_offsets(place, timeout=10)
            count += end - max(begin, place.offset)
    finally:
        onlooker.close()
    return count


def check(world: World, connection, findings: Findings, figures) -> None:
    """Every published event is there, none other, and in the order of its aggregate for who takes each once."""
    found = records(world)
    there = {event for *_, event in found}
    logged = {str(id) for (id,) in connection.execute("SELECT id FROM event_log").fetchall()}
    for event in logged - there:
        findings.add("lost", f"event {event} is not in Kafka")
    for event in there - logged:
        findings.add("wrong", f"event {event} is in Kafka and not in the log")
    for what in inversions([(f"{topic} {key}", sequence, event) for topic, key, sequence, event in found if topic in VERSIONED]):
        findings.add("inverted", f"Kafka: {what}")
    figures["records again"] = len(found) - len(there)
