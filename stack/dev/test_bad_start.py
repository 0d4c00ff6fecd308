"""What will not start says why in one clear line, ends with a code that is not 0, and changes nothing.

Containers of a scratch kind: the stack's own images, on volumes of their own.
"""

import time
import uuid

import pytest

from services import is_green, sql, wait_until_healthy


@pytest.fixture
def scratch(stack):
    """Runs an image of the stack beside it, on a volume of its own."""
    name = f"scratch-{uuid.uuid4().hex[:12]}"
    stack.run("docker", "volume", "create", name)

    def start(service, mount, *words, variables=None, detached=False, entrypoint=None, check=False, timeout=120):
        options = [word for pair in (variables or {}).items() for word in ("-e", "=".join(pair))]
        if entrypoint:
            options += ["--entrypoint", entrypoint]
        options += ["-d", "--name", name] if detached else ["--rm"]
        image = stack.inspect(service)["Config"]["Image"]
        return stack.run("docker", "run", "--init", *options, "-v", f"{name}:{mount}", image, *words, check=check, timeout=timeout)

    start.name = name
    yield start
    stack.run("docker", "rm", "-f", name, check=False)
    stack.run("docker", "volume", "rm", "-f", name)


# ---- the application ------------------------------------------------------------------------------------------------


def test_a_failing_migration_keeps_the_application_from_starting_and_is_named(stack):
    migration = stack.root / "blazing_sun/migrations/29990101000000_never_works.sql"
    before = sql(stack, "SELECT version, checksum FROM _sqlx_migrations ORDER BY 1")
    try:
        migration.write_text("CREATE TABLE half_done (id int);\nSELECT no_such_column FROM instances;\n")
        stack.compose("restart", "rust", timeout=120)
        since = stack.inspect("rust")["State"]["StartedAt"]

        def said():
            return stack.compose("logs", "--no-log-prefix", "--since", since, "rust").stdout

        stack.wait_for("the migration to fail", lambda: "29990101000000" in said(), 60)
        stack.wait_for("the reason", lambda: 'column "no_such_column" does not exist' in said(), 5)
        assert "listening" not in said() and not is_green(stack, "rust")
        assert sql(stack, "SELECT version, checksum FROM _sqlx_migrations ORDER BY 1") == before
        assert sql(stack, "SELECT to_regclass('half_done') IS NULL") == "t", "what it began was undone"
    finally:
        migration.unlink()
        stack.compose("restart", "rust", timeout=120)
        wait_until_healthy(stack, "rust", seconds=180)


def test_an_application_without_its_database_waits_says_for_whom_and_gives_up(stack):
    done = stack.exec(
        "rust", "env", "POSTGRES_HOST=nobody.invalid", "PORT=0", "STARTUP_TIMEOUT_SECONDS=3", "blazing_sun", "run", check=False, timeout=30
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "waiting for PostgreSQL at nobody.invalid:5432" in said
    assert "gave up waiting for PostgreSQL at nobody.invalid:5432 after 3 s" in said


def test_an_application_started_before_its_database_comes_up_with_it(stack):
    """As when the engine starts again: it starts every container at once, and PostgreSQL may have a log to read first."""
    try:
        stack.compose("stop", "postgres")
        stack.compose("restart", "--no-deps", "rust", timeout=120)
        end = time.monotonic() + 12
        stack.wait_for("twelve seconds to pass: sqlx gives up after ten", lambda: time.monotonic() > end, 15)
        assert stack.inspect("rust")["State"]["Running"]
        stack.compose("start", "postgres")
        stack.wait_for("the application to come up", lambda: is_green(stack, "rust"), 90)
    finally:
        stack.compose("start", "postgres")
        if not is_green(stack, "rust"):
            stack.compose("restart", "--no-deps", "rust", timeout=120)
        wait_until_healthy(stack, "postgres", "rust", seconds=180)


# ---- the services ---------------------------------------------------------------------------------------------------


POSTGRES = {"POSTGRES_USER": "app", "POSTGRES_DB": "blazing_sun", "POSTGRES_PASSWORD": "scratch", "PGPORT": "5432"}


@pytest.mark.parametrize("place", ["17/docker", "data", "."])
def test_a_volume_of_another_postgres_is_named_and_left_alone(stack, scratch, place):
    mount = "/var/lib/postgresql"
    listing = f"cd {mount} && find . -type f | sort | xargs ls -l --full-time | cksum"
    made = scratch(
        "postgres", mount, "-c", f"mkdir -p {mount}/{place}/base && echo 17 >{mount}/{place}/PG_VERSION && echo rows >{mount}/{place}/base/1; {listing}",
        entrypoint="sh", check=True,
    )
    done = scratch("postgres", mount, variables=POSTGRES)
    assert done.returncode == 1 and done.stdout == ""
    [line] = done.stderr.splitlines()
    assert "PostgreSQL 17" in line and "POSTGRES_IMAGE" in line
    assert scratch("postgres", mount, "-c", listing, entrypoint="sh", check=True).stdout == made.stdout


def test_a_postgres_user_that_postgres_keeps_for_itself_is_refused(stack, scratch):
    done = scratch("postgres", "/var/lib/postgresql", variables={**POSTGRES, "POSTGRES_USER": "postgres"})
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "POSTGRES_USER=postgres" in line


@pytest.mark.parametrize("fault,words", [
    ("echo nonsense >cert.pem", "is not a certificate"),
    ("echo nonsense >key.pem", "is not an unencrypted private key"),
    ("openssl ecparam -name prime256v1 -genkey -noout -out key.pem", "do not belong together"),
    ("rm key.pem", "is not an unencrypted private key"),
    ("openssl req -x509 -key key.pem -subj /CN=x -not_before 20200101000000Z -not_after 20200102000000Z -out cert.pem", "has expired"),
])
def test_a_broken_certificate_pair_without_one_from_before_stops_nginx(stack, scratch, fault, words):
    mount = "/etc/nginx/ssl"
    make = f"cd {mount} && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout key.pem -out cert.pem 2>/dev/null && {fault}"
    scratch("nginx", mount, "-c", make, entrypoint="sh", check=True)
    done = scratch("nginx", mount, variables={"SERVER_NAME": "localhost", "HTTPS_PORT": "443", "APP_PORT": "9999", "HTTP_MAX_BODY_BYTES": "1"})
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert words in line and "put a matching pair there" in line


KAFKA = {
    "KAFKA_HOST": "localhost", "KAFKA_PORT": "9092", "KAFKA_CONTROLLER_PORT": "9093", "KAFKA_HOST_PORT": "9094", "KAFKA_BROKER_ID": "1",
    "KAFKA_CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qk", "KAFKA_LOG_RETENTION_HOURS": "1",
}


def test_more_partitions_are_given_to_empty_topics_only(stack, scratch):
    mount = "/var/lib/kafka/data"

    def started(partitions):
        # With two topics instead of six, to be done sooner.
        line = 'sed "s/^TOPICS=.*/TOPICS=\\"user.events auth.events\\"/" /usr/local/bin/entrypoint.sh >/tmp/entrypoint.sh && exec sh /tmp/entrypoint.sh'
        variables = {**KAFKA, "KAFKA_NUM_PARTITIONS": partitions}
        scratch("kafka", mount, "-c", line, variables=variables, detached=True, entrypoint="sh", check=True)
        stack.wait_for("a green Kafka", lambda: stack.run("docker", "exec", scratch.name, "/usr/local/bin/healthcheck", check=False).returncode == 0, 60)
        return stack.run("docker", "logs", scratch.name).stdout

    started("1")
    producer = "/opt/kafka/bin/kafka-console-producer.sh"
    stack.run("docker", "exec", "-i", scratch.name, producer, "--bootstrap-server", "localhost:9092", "--topic", "user.events", stdin="a record\n")
    stack.run("docker", "rm", "-f", "-v", scratch.name)
    said = started("2")
    assert "user.events keeps its 1 partitions: it holds records" in said
    assert "raised auth.events from 1 to 2 partitions" in said
    described = stack.run("docker", "exec", scratch.name, "/opt/kafka/bin/kafka-topics.sh", "--bootstrap-server", "localhost:9092", "--describe").stdout
    assert "Topic: user.events\t" in described
    counts = dict(line.split("\t")[0:3:2] for line in described.splitlines() if line.startswith("Topic: "))
    assert counts["Topic: user.events"] == "PartitionCount: 1" and counts["Topic: auth.events"] == "PartitionCount: 2"


def test_a_kafka_volume_of_another_cluster_is_named(stack, scratch):
    mount = "/var/lib/kafka/data"
    make = f"mkdir -p {mount}/kraft && printf 'version=1\\ncluster.id=AnotherClusterOfItsOwn1\\nnode.id=1\\n' >{mount}/kraft/meta.properties"
    scratch("kafka", mount, "-c", make, entrypoint="sh", check=True)
    done = scratch("kafka", mount, variables={**KAFKA, "KAFKA_NUM_PARTITIONS": "1"})
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "AnotherClusterOfItsOwn1" in line and "KAFKA_CLUSTER_ID" in line


def test_a_redis_user_that_would_break_the_acl_is_refused(stack, scratch):
    for user in ("default", "two words", "app ~*"):
        done = scratch("redis", "/data", variables={"REDIS_USER": user, "REDIS_PASSWORD": "x", "REDIS_PORT": "6379"})
        assert done.returncode == 1, user
        assert len(done.stderr.splitlines()) == 1 and "REDIS_USER" in done.stderr
