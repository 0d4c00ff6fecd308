"""The world of one run: a database, a virtual host and topics of its own, and the application's ten processes upon them."""

import pathlib
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import psycopg
import requests
from confluent_kafka.admin import AdminClient, NewTopic

from chaos import engine, place, proxy

TOPICS = ("user.events", "auth.events", "transaction.events", "category.events", "system.events", "events.dead_letter")
TEMPLATE = "chaos_template"


class World:
    """Everything of one run, by its name."""

    def __init__(self, name: str, rooms: pathlib.Path, solo: bool, mistake: str | None = None):
        self.name, self.rooms, self.solo, self.mistake = name, rooms, solo, mistake
        # Of its own each time: a run that was broken off has left its topics.
        self.prefix = f"{name}.{time.time_ns():x}."

    # ---- the services

    def connect(self, database: str | None = None, **options) -> psycopg.Connection:
        """A connection past the proxy."""
        return psycopg.connect(
            host="127.0.0.1", port=place.POSTGRES_PORT, user="app", password=place.PASSWORDS["POSTGRES_PASSWORD"],
            dbname=database or self.name, autocommit=True, connect_timeout=5, **options,
        )

    def kafka(self) -> dict[str, str]:
        """How to reach Kafka past the proxy."""
        return {"bootstrap.servers": f"localhost:{place.KAFKA_PORT}", "log_level": 2}

    def make(self) -> None:
        """Makes what the run needs; the template is migrated by the first run that finds it old."""
        with self.connect("postgres") as admin:
            _drop(admin, self.name)
            admin.execute(f'CREATE DATABASE "{self.name}" TEMPLATE "{TEMPLATE}"')
        if not self.solo:
            self._vhost("DELETE")
            self._vhost("PUT")
            self._permit()
            self._topics(lambda broker: broker.create_topics([NewTopic(self.prefix + topic, 3, 1) for topic in TOPICS]))

    def remove(self) -> None:
        """Takes it all away again."""
        with self.connect("postgres") as admin:
            _drop(admin, self.name)
        if not self.solo:
            self._vhost("DELETE")
            self._topics(lambda broker: broker.delete_topics([self.prefix + topic for topic in TOPICS]))

    def _topics(self, ask):
        broker = AdminClient(self.kafka())
        for asked in ask(broker).values():
            asked.result(30)

    def _permit(self):
        url = f"http://127.0.0.1:{place.RABBITMQ_PORT}/api/permissions/{self.name}/app"
        answer = requests.put(url, json={"configure": ".*", "write": ".*", "read": ".*"}, auth=self._rabbitmq(), timeout=10)
        answer.raise_for_status()

    def _vhost(self, method):
        url = f"http://127.0.0.1:{place.RABBITMQ_PORT}/api/vhosts/{urllib.parse.quote(self.name, safe='')}"
        answer = requests.request(method, url, json={} if method == "PUT" else None, auth=self._rabbitmq(), timeout=20)
        if answer.status_code != 404:
            answer.raise_for_status()

    def _rabbitmq(self):
        return "app", place.PASSWORDS["RABBITMQ_PASSWORD"]

    # ---- the application

    def settings(self, role: str, points: dict[str, int] | None = None) -> None:
        """Writes what a process is told at its next start: its configuration, and where to stand still."""
        told = [f"{point}={f'{passes}*off->' if passes else ''}1*return" for point, passes in (points or {}).items()]
        if self.mistake:
            told.append(f"mistake.{self.mistake}=return")
        values = {
            "PORT": "9999", "APP_KEY": place.APP_KEY, "APP_URL": "https://localhost", "THROTTLE_FACTOR": "100000", "LOG_FORMAT": "json", "RUST_LOG": "info",
            "POSTGRES_HOST": "proxy", "POSTGRES_USER": "app", "POSTGRES_DB": self.name,
            "REDIS_HOST": "proxy", "REDIS_USER": "app", "REDIS_PREFIX": self.prefix,
            "RABBITMQ_HOST": "proxy", "RABBITMQ_USER": "app", "RABBITMQ_VHOST": self.name,
            "KAFKA_HOST": "proxy", "KAFKA_PREFIX": self.prefix, **place.PASSWORDS,
            "MAIL_HOST": "proxy", "MAIL_PORT": "1025", "MAIL_ENCRYPTION": "none", "MAIL_TIMEOUT_SECONDS": "10",
            "STORAGE_FOLDER": "/tmp", "DRAIN_SECONDS": "0", "FAILPOINTS": ";".join(told),
        }
        if self.solo:
            values |= {"JOBS_CARRIER": "postgres", "EVENTS_CARRIER": "postgres", "CACHE": "none"}
        lines = [f"export {name}='{value}'" for name, value in values.items()]
        (place.room(self.rooms, role) / "settings").write_text("\n".join(lines) + "\n")

    def start(self, points: dict[str, dict[str, int]]) -> None:
        """Starts every process, with the points of its part, and waits until all answer."""
        for role in place.ROLES:
            for left in place.room(self.rooms, role).iterdir():
                if left.name != "settings":
                    left.unlink()
            self.settings(role, points.get(role.rsplit("-", 1)[0]))
        engine.start(*place.ROLES)
        self.await_ready(60)

    def stop(self) -> None:
        """Ends every process at once: what had to be done is done."""
        engine.kill(*place.ROLES)

    def await_ready(self, seconds: float) -> None:
        """Waits until every process says that it is ready."""
        end = time.monotonic() + seconds
        with ThreadPoolExecutor(len(place.ROLES)) as askers:
            for role, ready in zip(place.ROLES, askers.map(lambda role: _ready(role, end), place.ROLES)):
                if not ready:
                    raise RuntimeError(f"{role} is not ready after {seconds:.0f} s: {engine.docker('logs', '--tail', '5', engine.name(role), check=False)[-800:]}")

    def command(self, *words: str) -> str:
        """What a command of the application prints."""
        line = ". /run/chaos/settings && exec blazing_sun " + " ".join(words)
        return engine.docker("exec", engine.name("consumers-1"), "sh", "-c", line, timeout=60)

    def leaders(self, lease: str) -> list[str]:
        """The processes that say that they lead."""
        part = "relay" if lease == "relay" else "schedule"
        return [role for role in place.ROLES if role.startswith(part) and f'leader{{lease="{lease}"}} 1' in _metrics(role)]


def prepare(rooms: pathlib.Path) -> None:
    """Heals what an earlier run may have left, and migrates the template that every run's database is made of."""
    engine.kill(*place.ROLES)
    engine.resume(*[s for s, state in engine.states((*place.SERVICES, *place.ROLES)).items() if state == "paused"])
    engine.kill(*place.ROLES)
    proxy.heal_all()
    engine.docker("start", *map(engine.name, place.SERVICES))
    world = World(TEMPLATE, rooms, True)
    await_services()
    with world.connect("postgres") as admin:
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,)).fetchone():
            admin.execute(f'CREATE DATABASE "{TEMPLATE}"')
        for (left,) in admin.execute("SELECT datname FROM pg_database WHERE datname LIKE 'chaos\\_%%' AND datname <> %s", (TEMPLATE,)).fetchall():
            _drop(admin, left)
    broker = AdminClient(world.kafka())
    if topics := [topic for topic in broker.list_topics(timeout=20).topics if topic.startswith("chaos_")]:
        for gone in broker.delete_topics(topics).values():
            gone.result(30)
    world.settings("consumers-1")
    engine.start("consumers-1")
    if not _ready("consumers-1", time.monotonic() + 60):
        raise RuntimeError("the template was not migrated: " + engine.docker("logs", "--tail", "5", engine.name("consumers-1"), check=False)[-1500:])
    engine.kill("consumers-1")


def await_services(seconds: float = 90) -> None:
    """Waits until every service is healthy, in its own opinion."""
    end = time.monotonic() + seconds
    names = [engine.name(service) for service in place.SERVICES]
    while set(engine.docker("inspect", "--format", "{{.State.Health.Status}}", *names).split()) != {"healthy"}:
        if time.monotonic() > end:
            raise RuntimeError("the services are not healthy: " + engine.docker("ps", "--format", "{{.Names}} {{.Status}}"))
        time.sleep(0.2)


def _drop(admin, name):
    # Not WITH (FORCE), which refuses while PostgreSQL itself is cleaning up in there.
    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = current_user", (name,))
    admin.execute(f'DROP DATABASE IF EXISTS "{name}"')


def _ready(role, end):
    while time.monotonic() < end:
        try:
            if requests.get(f"http://127.0.0.1:{place.PORTS[role]}/health/ready", timeout=2).status_code == 200:
                return True
        except requests.RequestException:
            pass
        time.sleep(0.1)
    return False


def _metrics(role):
    try:
        return requests.get(f"http://127.0.0.1:{place.PORTS[role]}/metrics", timeout=2).text
    except requests.RequestException:
        return ""
