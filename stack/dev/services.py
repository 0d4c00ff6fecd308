"""What several tests of the running stack ask or do, each in one place."""

import base64
import functools
import json
import subprocess
import threading
import time
import urllib.parse
import uuid

CORE = ("postgres", "redis", "rabbitmq", "kafka")
# Without a healthcheck: their images hold one program, and that one checks nothing.
UNCHECKED = {"nginx-exporter", "log-collector"}
PASSWORDS = ("POSTGRES", "REDIS", "RABBITMQ", "PGADMIN_DEFAULT", "MAIL", "KAFKA_UI", "GRAFANA", "MONITORING")


@functools.cache
def setting(stack, name):
    """A variable that no test changes (ports, users); asking Compose each time takes half a second."""
    return stack.env(name)


def site(stack, path="/", **options):
    return stack.http(f"https://localhost:{setting(stack, 'HTTPS_PORT')}{path}", **options)


def ready(stack):
    """What the application says of itself and its services, through nginx."""
    return site(stack, "/health/ready")


@functools.cache
def profiles_of(stack):
    """{service: its profiles} of the whole stack."""
    configured = json.loads(stack.compose("--profile", "*", "config", "--format", "json").stdout)["services"]
    return {name: set(service.get("profiles", [])) for name, service in configured.items()}


def running(stack):
    """Every service that has a container. Where no registry answers, `./sun up` leaves out the profiles whose image cannot be
    had (Grafana, the Kafka UI); anything else that is configured and has none is a failure."""
    configured = set(stack.compose("config", "--services").stdout.split())
    there = set(stack.services())
    left_out = configured - there
    if left_out:
        unavailable = set(stack.run("offline/images.sh", "unavailable").stdout.split())
        missing = {service for service in left_out if not profiles_of(stack)[service] & unavailable}
        assert not missing, f"no container: {sorted(missing)}"
    return there


def only_running(stack):
    """The environment in which plain `docker compose` means the services that this machine can run."""
    profiles = setting(stack, "COMPOSE_PROFILES").split(",")
    here = set().union(*(profiles_of(stack)[service] for service in running(stack)))
    return {"COMPOSE_PROFILES": ",".join(p for p in profiles if p in here)}


def inspect(stack):
    """{service: what the engine knows of its container}, in two commands for all."""
    found = json.loads(stack.run("docker", "inspect", *stack.containers()).stdout)
    return {container["Config"]["Labels"]["com.docker.compose.service"]: container for container in found}


def check(stack, service):
    """Runs the healthcheck now; whether it is green, and what it said. One that takes longer than its time is red."""
    container = stack.inspect(service)
    if service in UNCHECKED:
        return container["State"]["Status"] == "running" and not container["State"]["Restarting"], ""
    test = container["Config"]["Healthcheck"]
    assert test["Test"][0] == "CMD", test
    try:
        done = stack.exec(service, *test["Test"][1:], check=False, timeout=test["Timeout"] / 1e9 + 2)
    except subprocess.TimeoutExpired:
        return False, "no answer"
    return done.returncode == 0, done.stdout + done.stderr


def is_green(stack, service):
    return check(stack, service)[0]


def wait_until_green(stack, service, seconds=60):
    stack.wait_for(f"a green {service}", lambda: is_green(stack, service), seconds)


def wait_until_healthy(stack, *services, seconds=90):
    """Until the engine calls them healthy."""
    for service in set(services) - UNCHECKED:
        stack.wait_for(f"a healthy {service}", lambda service=service: stack.health(service) == "healthy", seconds)


# ---- the services ---------------------------------------------------------------------------------------------------


def sql(stack, text, user=None, database=None):
    """Rows as lines, columns separated by `|`."""
    user = user or setting(stack, "POSTGRES_USER")
    database = database or setting(stack, "POSTGRES_DB")
    return stack.exec("postgres", "psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", database, "-c", text).stdout.strip()


def redis(stack, *words):
    return stack.run("./sun", "redis-cli", *words).stdout.strip()


def rabbit(stack, path, method="GET", body=None, password=None):
    """A request to RabbitMQ's management API, as the application's user."""
    user = setting(stack, "RABBITMQ_USER")
    password = stack.env("RABBITMQ_PASSWORD") if password is None else password
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    return stack.http(
        f"http://localhost:{setting(stack, 'RABBITMQ_MANAGEMENT_PORT')}/api/{path}", method=method,
        headers={"Authorization": f"Basic {token}", "Content-Type": "application/json"},
        data=None if body is None else json.dumps(body).encode(),
    )


def prometheus(stack, query):
    """The series that Prometheus has for a query now: [(labels, value)]."""
    url = f"http://localhost:{setting(stack, 'PROMETHEUS_PORT')}/api/v1/query?query={urllib.parse.quote(query)}"
    return [(series["metric"], float(series["value"][1])) for series in stack.http(url).json()["data"]["result"]]


def from_inside(stack, url):
    """What another container of the network is answered by HTTP; None where the answer is an error."""
    done = stack.exec("prometheus", "wget", "-q", "-T", "5", "-O", "-", url, check=False)
    return done.stdout if done.returncode == 0 else None


def kafka(stack, tool, *words, **options):
    return stack.exec("kafka", f"/opt/kafka/bin/kafka-{tool}.sh", "--bootstrap-server", "localhost:9092", *words, **options)


def produce(stack, topic, record):
    """Adds a record; the producer waits for its acknowledgement."""
    kafka(stack, "console-producer", "--topic", topic, stdin=record + "\n")


def records(stack, topic, count):
    """The first records of a topic; fewer if there are fewer."""
    done = kafka(stack, "console-consumer", "--topic", topic, "--from-beginning", "--max-messages", str(count), "--timeout-ms", "15000")
    return done.stdout.splitlines()


def empty_topic(stack, topic):
    """Deletes all records of a topic, and keeps the topic."""
    partitions = [{"topic": topic, "partition": p, "offset": -1} for p in range(int(setting(stack, "KAFKA_NUM_PARTITIONS")))]
    request = json.dumps({"partitions": partitions, "version": 1})
    kafka(stack, "delete-records", "--offset-json-file", "/dev/stdin", stdin=request)


# ---- what must outlive everything -----------------------------------------------------------------------------------


class Kept:
    """A row, a Redis key, a persistent message and a record, each of its own; `check` finds them all."""

    def __init__(self, stack):
        self.stack = stack
        self.mark = uuid.uuid4().hex
        self.name = f"kept-{self.mark}"
        sql(stack, f"CREATE TABLE \"{self.name}\" (mark text); INSERT INTO \"{self.name}\" VALUES ('{self.mark}')")
        redis(stack, "SET", self.name, self.mark)
        # Redis promises what is on disk, which is the case each second.
        assert redis(stack, "WAITAOF", "1", "0", "5000").startswith("1"), "the append-only file is not written"
        # A queue like `jobs`, which no worker empties.
        arguments = {"x-queue-type": "classic", "x-max-priority": 10}
        assert rabbit(stack, f"queues/%2F/{self.name}", "PUT", {"durable": True, "arguments": arguments}).status == 201
        sent = rabbit(stack, "exchanges/%2F/amq.default/publish", "POST", {
            "properties": {"delivery_mode": 2}, "routing_key": self.name, "payload": self.mark, "payload_encoding": "string",
        })
        assert sent.json() == {"routed": True}
        kafka(stack, "topics", "--create", "--topic", self.name, "--partitions", "1")
        produce(stack, self.name, self.mark)

    def missing(self):
        """What is not there any more."""
        found = {
            "row": sql(self.stack, f"SELECT mark FROM \"{self.name}\""),
            "key": redis(self.stack, "GET", self.name),
            "message": "".join(message["payload"] for message in rabbit(
                self.stack, f"queues/%2F/{self.name}/get", "POST",
                {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"},
            ).json()),
            "record": "".join(records(self.stack, self.name, 1)),
        }
        return {what: value for what, value in found.items() if value != self.mark}

    def remove(self):
        sql(self.stack, f"DROP TABLE IF EXISTS \"{self.name}\"")
        redis(self.stack, "DEL", self.name)
        rabbit(self.stack, f"queues/%2F/{self.name}", "DELETE")
        kafka(self.stack, "topics", "--delete", "--if-exists", "--topic", self.name)


# ---- down and up ----------------------------------------------------------------------------------------------------


class Events:
    """What the engine reports about the project's containers while the block runs."""

    def __init__(self, stack):
        self.stack, self.lines = stack, []

    def __enter__(self):
        project = self.stack.inspect("redis")["Config"]["Labels"]["com.docker.compose.project"]
        self.process = subprocess.Popen(
            ["docker", "events", "--format", "json", "--filter", f"label=com.docker.compose.project={project}",
             "--filter", "event=start", "--filter", "event=health_status"],
            stdout=subprocess.PIPE, text=True,
        )
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True)
        self.reader.start()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.reader.join(timeout=10)

    def first(self):
        """{service: {"started": ns, "healthy": ns}} of the first of each."""
        times = {}
        for event in map(json.loads, self.lines):
            name = event["Actor"]["Attributes"].get("com.docker.compose.service")
            kind = {"start": "started", "health_status: healthy": "healthy"}.get(event["Action"])
            if name and kind:
                times.setdefault(name, {}).setdefault(kind, event["timeNano"])
        return times


@functools.cache
def down_and_up(stack):
    """`docker compose down`, then `up -d`, once for every test that looks at it: what was kept, and when what started."""
    kept = Kept(stack)
    environment = only_running(stack)
    services = running(stack)
    with Events(stack) as events:
        stack.shell("docker compose down", timeout=180)
        stack.shell("docker compose up -d", env=environment, timeout=600)
        wait_until_healthy(stack, *services, seconds=300)
        stack.wait_for("the events of all services", lambda: {s for s, t in events.first().items() if len(t) == 2} >= services - UNCHECKED, 10)
    try:
        missing = kept.missing()
    finally:
        kept.remove()
    return missing, events.first()


# ---- secrets --------------------------------------------------------------------------------------------------------


def passwords(stack):
    """Every password of `.env` that is long enough to be told from a word (`app` and `admin` are not)."""
    values = {name: stack.env(f"{name}_PASSWORD") for name in PASSWORDS}
    return {name: value for name, value in values.items() if len(value) > 5}


def forms(value, users=()):
    """The ways in which a password may be written down."""
    encoded = {base64.b64encode(text.encode()).decode().rstrip("=") for text in [value] + [f"{user}:{value}" for user in users]}
    percent = {urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value), "".join(f"%{byte:02x}" for byte in value.encode())}
    escaped = {json.dumps(value)[1:-1], value.replace("'", "''"), value.replace("$", "$$")}
    hexadecimal = {value.encode().hex()}
    return {form.lower() for form in {value} | encoded | percent | escaped | hexadecimal}


def leaks(stack, text, known):
    """Names of the passwords that stand in a text, in whatever form."""
    users = [setting(stack, name) for name in ("POSTGRES_USER", "REDIS_USER", "RABBITMQ_USER")]
    text = text.lower()
    return sorted(name for name, value in known.items() if any(form in text for form in forms(value, users)))


def logs(stack, service=None):
    return stack.compose("logs", "--no-color", "--no-log-prefix", *([service] if service else [])).stdout


def process_lists(stack):
    """The command lines of every container while its healthcheck runs, sampled until the check is over."""
    lists = {}
    for service in running(stack):
        container = stack.container(service)
        checking = threading.Thread(target=check, args=(stack, service), daemon=True)
        checking.start()
        samples = []
        end = time.monotonic() + 20
        while (checking.is_alive() or not samples) and time.monotonic() < end:
            samples.append(stack.run("docker", "top", container, "-ww", "-eo", "pid,args").stdout)
        checking.join(timeout=30)
        lists[service] = "\n".join(samples)
    return lists
