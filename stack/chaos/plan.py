"""What a run will do, by its seed alone: the same seed has the same faults at the same points."""

import dataclasses
import random

from chaos.place import PARTS

# Between the faults of two seeds that follow each other there is no chance: they are dealt from one deck, so that a few dozen
# seeds have had every fault.
TIMED_EACH = 4
POINTED_EACH = 3
# Every so many seeds one does without the brokers.
SOLO_EVERY = 5


@dataclasses.dataclass(frozen=True)
class Fault:
    """Something bad, and for how long."""

    kind: str
    target: str
    seconds: float = 0.0

    def __str__(self):
        return f"{self.kind} {self.target}" + (f" {self.seconds:.1f}s" if self.seconds else "")


@dataclasses.dataclass(frozen=True)
class Timed:
    """A fault when so many writes have been acknowledged."""

    at: int
    fault: Fault


@dataclasses.dataclass(frozen=True)
class Pointed:
    """A fault while a copy of a part stands at a point of the code, when it has passed it so often."""

    part: str
    point: str
    passes: int
    linger: float
    fault: Fault

    def __str__(self):
        return f"{self.point}#{self.passes}: {self.fault}"


@dataclasses.dataclass(frozen=True)
class Plan:
    """All of it."""

    seed: int
    solo: bool
    writes: int
    timed: tuple[Timed, ...]
    pointed: tuple[Pointed, ...]

    def lines(self):
        """The plan as it is printed."""
        yield f"seed {self.seed}: {self.writes} writes, carried by {'PostgreSQL alone' if self.solo else 'RabbitMQ and Kafka'}"
        yield from (f"  at {timed.at:>4} writes  {timed.fault}" for timed in self.timed)
        yield from (f"  in {pointed.part}  {pointed}" for pointed in self.pointed)


BROKERS = ("postgres", "redis", "rabbitmq", "kafka")
NEVER_SOLO = {"redis", "rabbitmq", "kafka"}

# Which service a point is about to talk to, or has just talked to.
POINTS = {
    "relay.events.fetched": ("relay", "kafka"),
    "relay.events.sent": ("relay", "kafka"),
    "relay.events.confirmed": ("relay", "postgres"),
    "relay.events.settled": ("relay", "postgres"),
    "relay.jobs.sent": ("relay", "rabbitmq"),
    "relay.jobs.confirmed": ("relay", "postgres"),
    "relay.jobs.settled": ("relay", "postgres"),
    "worker.claimed": ("worker", "mail"),
    "worker.ran": ("worker", "postgres"),
    "worker.finished": ("worker", "postgres"),
    "worker.committed": ("worker", "rabbitmq"),
    "consumer.noted": ("consumers", "postgres"),
    "consumer.reacted": ("consumers", "postgres"),
    "consumer.committed": ("consumers", "kafka"),
    "consumer.stored": ("consumers", "kafka"),
    "tx.committing": ("http", "postgres"),
    "tx.committed": ("http", "postgres"),
    "lease.taken": ("relay", "postgres"),
}
# Without brokers nothing is published, and nobody is told.
POINTS_NEVER_SOLO = {point for point in POINTS if point.startswith("relay.jobs.")} | {"relay.events.sent", "worker.committed"}

TIMED = tuple(
    [("kill", target) for target in (*PARTS, *BROKERS)]
    + [("pause", target) for target in (*PARTS, *BROKERS)]
    + [("restart", "postgres"), ("pause-leader", "relay"), ("pause-leader", "schedule")]
    + [(kind, service) for kind in ("cut", "reset", "delay", "half-open") for service in (*BROKERS, "mail")]
)
POINTED = tuple(
    (point, kind)
    for point in POINTS
    for kind in ("kill", "pause", "kill-service", "cut", "half-open")
    # The catcher of mails is no part of what is tried.
    if not (kind == "kill-service" and POINTS[point][1] == "mail")
)


def plan(seed: int, writes: int = 400) -> Plan:
    """The plan of a seed."""
    solo = seed % SOLO_EVERY == 0
    chance = random.Random(f"plan {seed}")
    timed = [entry for entry in _dealt("timed", TIMED, seed, TIMED_EACH) if not (solo and entry[1] in NEVER_SOLO)]
    pointed = [entry for entry in _dealt("pointed", POINTED, seed, POINTED_EACH) if not (solo and _never_solo(entry))]
    step = writes // (TIMED_EACH + 1)
    return Plan(
        seed, solo, writes,
        tuple(Timed(step * (number + 1) + chance.randrange(-step // 4, step // 4), _fault(kind, target, chance)) for number, (kind, target) in enumerate(timed)),
        tuple(_pointed(point, kind, chance) for point, kind in pointed),
    )


def _dealt(name, deck, seed, count):
    """The entries of a seed, out of a deck that is shuffled anew whenever it has been dealt."""
    for place in range(seed * count, (seed + 1) * count):
        lap, card = divmod(place, len(deck))
        shuffled = list(deck)
        random.Random(f"{name} {lap}").shuffle(shuffled)
        yield shuffled[card]


def _never_solo(entry):
    point, kind = entry
    return point in POINTS_NEVER_SOLO or kind != "kill" and kind != "pause" and POINTS[point][1] in NEVER_SOLO


def _fault(kind, target, chance):
    if target in PARTS and kind != "pause-leader":
        target = f"{target}-{chance.choice((1, 2))}"
    seconds = {
        "kill": chance.uniform(0.5, 6), "pause": chance.uniform(1, 12), "restart": 0.0, "reset": 0.3,
        # The relay's lease lasts for 5 s; Kafka gives the partitions of a silent consumer away after 10 s.
        "pause-leader": chance.uniform(7, 9),
        "cut": chance.uniform(1, 8), "delay": chance.uniform(3, 8), "half-open": chance.uniform(3, 12),
    }[kind]
    return Fault(kind, target, round(seconds, 1))


def _pointed(point, kind, chance):
    part, service = POINTS[point]
    # Of jobs there are fewer than of events.
    passes = 0 if point == "lease.taken" else chance.randrange(0, 6 if part == "worker" or "jobs" in point else 12)
    # Long enough for what happens in the background, such as the commit of a stored offset.
    linger = chance.choice((0.0, 1.5))
    if kind in ("kill", "pause"):
        fault = Fault(kind, "itself", round(chance.uniform(0.5, 6) if kind == "kill" else chance.uniform(6, 14), 1))
    else:
        fault = _fault(kind.removesuffix("-service"), service, chance)
    return Pointed(part, point, passes, linger, fault)
