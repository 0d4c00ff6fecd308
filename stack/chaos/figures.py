"""How long things take when something is away: how soon another relay leads, and how soon a backlog is gone."""

import contextlib
import pathlib
import statistics
import tempfile
import threading
import time

from chaos import engine
from chaos.drain import NOT_TAKEN, WANTED
from chaos.load import Acknowledged, Client
from chaos.place import PROJECT
from chaos.run_one import CLIENTS, heal
from chaos.world import World, await_services

TIMES = 5
AWAY_SECONDS = 60
# An address of the network that nobody else has, and how long it is watched what becomes of a move.
ELSEWHERE, MOVED_SECONDS = "172.31.239.77", 120


@contextlib.contextmanager
def working(name: str, rooms: pathlib.Path):
    """A world with clients that work in it."""
    world, acknowledged, stop = World(f"chaos_{name}", rooms, False), Acknowledged(), threading.Event()
    world.make()
    world.start({})
    with tempfile.TemporaryDirectory() as folder:
        clients = [Client(f"{name}{number}", f"{name} {number}", pathlib.Path(folder), acknowledged) for number in range(CLIENTS)]
        for client in clients:
            client.sign_up()
        for client in clients:
            client.move_in()
        threads = [threading.Thread(target=client.work, args=[stop], daemon=True) for client in clients]
        for thread in threads:
            thread.start()
        try:
            yield world, acknowledged
        finally:
            stop.set()
            heal()
            for thread in threads:
                thread.join(30)
            world.stop()
            world.remove()


def takeovers(rooms: pathlib.Path, how: str) -> list[float]:
    """The seconds from the end of a leading relay to the beginning of the other one's lead."""
    found = []
    with working(f"takeover{how}", rooms) as (world, _):
        for _ in range(TIMES):
            (leader,) = _one_leader(world)
            began = time.monotonic()
            (engine.kill if how == "kill" else engine.pause)(leader)
            while not set(world.leaders("relay")) - {leader}:
                time.sleep(0.02)
            found.append(time.monotonic() - began)
            (engine.start if how == "kill" else engine.resume)(leader)
            time.sleep(3)
    return found


def _one_leader(world):
    while len(leaders := world.leaders("relay")) != 1:
        time.sleep(0.1)
    return leaders


def absences(rooms: pathlib.Path, service: str) -> tuple[int, float, float]:
    """How many writes were acknowledged while a service was away, how long it took to come back, and how long after that
    nothing was under way any more, although clients went on."""
    with working(f"absence{service}", rooms) as (world, acknowledged):
        time.sleep(3)
        before = acknowledged.count
        engine.kill(service)
        time.sleep(AWAY_SECONDS)
        written = acknowledged.count - before
        began = time.monotonic()
        engine.start(service)
        await_services()
        came = time.monotonic() - began
        backlog_gone = _caught_up(world)
    return written, came, backlog_gone


def _caught_up(world):
    """Seconds until everything that was under way at the beginning has arrived."""
    began = time.monotonic()
    with world.connect() as connection:
        (last,) = connection.execute("SELECT greatest((SELECT max(seq) FROM outbox), 0)").fetchone()
        (until,) = connection.execute("SELECT clock_timestamp()").fetchone()
        while connection.execute("SELECT count(*) FROM outbox WHERE seq <= %s", (last,)).fetchone()[0] or connection.execute(
            "SELECT count(*) FROM jobs WHERE state <> 'done' AND created_at <= %s", (until,)
        ).fetchone()[0] or connection.execute(
            "SELECT count(*) FROM event_log WHERE emitted_at <= %s AND NOT EXISTS (SELECT FROM inbox WHERE consumer = 'audit' AND event_id = event_log.id)", (until,)
        ).fetchone()[0]:
            time.sleep(0.05)
    return time.monotonic() - began


def moved(rooms: pathlib.Path) -> str:
    """The proxy goes without a word and comes back at another address, so that old connections lead nowhere and nobody is told."""
    container, network = engine.name("proxy"), f"{PROJECT}_devnet"
    with working("moved", rooms) as (world, acknowledged):
        time.sleep(3)
        engine.docker("network", "disconnect", "--force", network, container)
        time.sleep(3)
        engine.docker("network", "connect", "--ip", ELSEWHERE, "--alias", "proxy", network, container)
        before, began = acknowledged.count, time.monotonic()
        while acknowledged.count < before + CLIENTS and time.monotonic() - began < MOVED_SECONDS:
            time.sleep(0.1)
        written = time.monotonic() - began
        while (behind := _behind(world)) and time.monotonic() - began < MOVED_SECONDS:
            time.sleep(1)
        rest = f"still behind after {time.monotonic() - began:.0f} s: {behind}" if behind else f"nothing old is behind after {time.monotonic() - began:.0f} s"
        return f"writes go on after {written:.0f} s; {rest}"


def _behind(world):
    """What is older than 10 s and has not arrived."""
    with world.connect() as connection:
        found = {"outbox": connection.execute("SELECT count(*) FROM outbox WHERE emitted_at < now() - interval '10 seconds'").fetchone()[0]}
        for consumer, types in WANTED.items():
            found[consumer] = connection.execute(NOT_TAKEN + " AND emitted_at < now() - interval '10 seconds'", {"types": types and list(types), "consumer": consumer}).fetchone()[0]
    return {what: count for what, count in found.items() if count}


def measure(rooms: pathlib.Path) -> None:
    """Prints all figures."""
    for how, what in (("kill", "killed"), ("pause", "stopped")):
        times = takeovers(rooms, how)
        print(f"relay {what}: another leads after {statistics.median(times):.1f} s (median of {TIMES}; at most {max(times):.1f} s)", flush=True)
    for service in ("kafka", "rabbitmq"):
        written, came, gone = absences(rooms, service)
        print(f"{service} away for {AWAY_SECONDS} s under load: {written} writes meanwhile, healthy after {came:.1f} s, nothing behind {gone:.1f} s later", flush=True)
    print(f"services at another address, old connections lead nowhere: {moved(rooms)}", flush=True)
