"""Each command that the documents print, as they print it, but for the names and ports of this world.

Not run as a whole, because they take the world down or rebuild it for minutes: `docker compose build --no-cache`,
`down -v` and `down --rmi all` run in a project of their own with one small service; `docker compose down` and `up -d` are
in test_persistence, `firewall-setup.sh` in stack/firewall. `docker compose run --rm certbot ...` belongs to a service the
reader adds and to a public name; what it needs of nginx, the ACME path over plain HTTP, is in test_proxy.
"""

import base64
import contextlib
import os
import pty
import re
import select
import signal
import ssl
import subprocess
import termios
import time
import uuid

import pytest

import pgadmin_client
from services import (
    empty_topic, is_green, kafka, only_running, produce, rabbit, running, setting, site, sql, wait_until_green,
    wait_until_healthy,
)

TOPICS = {"user.events", "auth.events", "transaction.events", "category.events", "system.events", "events.dead_letter"}
LIST_TOPICS = "docker compose exec kafka /opt/kafka/bin/kafka-topics.sh --list --bootstrap-server localhost:9092"


def in_a_terminal(stack, line, typed, until, seconds=60):
    """Runs a line in a terminal, types when it is asked to, and returns what it shows once `until` is seen."""
    mine, theirs = pty.openpty()
    # redis-cli asks a terminal without a size where its cursor is.
    termios.tcsetwinsize(theirs, (24, 80))
    process = subprocess.Popen(["bash", "-c", line], cwd=stack.root, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown, end = "", time.monotonic() + seconds
    try:
        while not re.search(until, shown):
            if typed and re.search(r"[$#>] (\x1b\[\S*)*$", shown):
                os.write(mine, typed.encode())
                typed = ""
            assert time.monotonic() < end, f"{line}: no {until} in\n{shown}"
            if select.select([mine], [], [], 1)[0]:
                try:
                    shown += os.read(mine, 65536).decode(errors="replace")
                except OSError:
                    break
        return shown
    finally:
        # Closing the window: shells ignore a polite word.
        os.close(mine)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)


# ---- status and logs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["docker compose ps", 'docker compose ps | grep -E "postgres|redis|rabbitmq|kafka"'])
def test_ps_shows_healthy_services(stack, line):
    shown = stack.shell(line).stdout
    for service in ("postgres", "redis", "rabbitmq", "kafka"):
        assert re.search(rf"-{service}-1 .*\(healthy\)", shown), service


def test_ps_of_one_service(stack):
    assert "(healthy)" in stack.shell("docker compose ps postgres").stdout


@pytest.mark.parametrize("service", ["rust", "postgres", "redis", "rabbitmq", "kafka"])
def test_logs_are_shown_and_followed(stack, service):
    assert stack.shell(f"docker compose logs {service}").stdout
    following = subprocess.Popen(["docker", "compose", "logs", "-f", service], cwd=stack.root, stdout=subprocess.PIPE, text=True)
    try:
        assert select.select([following.stdout], [], [], 20)[0] and following.stdout.readline().startswith(f"{service}-1")
        assert following.poll() is None, "it must follow"
    finally:
        following.terminate()
        # Reads what is left: who waits for room in the pipe does not end.
        following.communicate(timeout=10)


def test_the_logs_of_the_application_can_be_searched(stack):
    done = stack.shell(r'docker compose logs rust | grep -i "waiting\|healthy\|error"', check=False)
    # Nothing to find is an answer too: grep's 1. (bash -c has no pipefail, so this is grep's own code.)
    assert done.returncode in (0, 1), done.stderr


# ---- a way into each container --------------------------------------------------------------------------------------


def test_a_shell_in_the_rust_container(stack):
    shown = in_a_terminal(stack, "docker compose exec rust bash", "cd blazing_sun && pwd && cargo --version\r", r"cargo 1\.\d+")
    assert "/home/rust/blazing_sun" in shown


def test_psql(stack):
    line = "docker compose exec postgres psql -U app -d blazing_sun"
    assert "(1 row)" in in_a_terminal(stack, line, "SELECT current_user, current_database();\r", r"\(1 row\)")
    assert "app" in stack.shell(line + " -c 'SELECT current_user'").stdout


def test_redis_cli(stack):
    line = "docker compose exec redis redis-cli -a redis_secret_password"
    assert setting(stack, "REDIS_PASSWORD") == "redis_secret_password"
    assert "PONG" in in_a_terminal(stack, line, "PING\r", "PONG")
    assert "PONG" in stack.shell(line + " ping").stdout
    assert "PONG" not in stack.shell("docker compose exec redis redis-cli -a wrong ping").stdout


def test_rabbitmqctl_status(stack):
    shown = stack.shell("docker compose exec rabbitmq rabbitmqctl status").stdout
    assert "rabbit@rabbitmq" in shown and "RabbitMQ version" in shown


def test_pg_isready(stack):
    assert "accepting connections" in stack.shell("docker compose exec postgres pg_isready -U app -d blazing_sun").stdout


def test_kafka_topics(stack):
    assert set(stack.shell(LIST_TOPICS).stdout.split()) >= TOPICS


def test_kafka_broker_api_versions(stack):
    shown = stack.shell("docker compose exec kafka /opt/kafka/bin/kafka-broker-api-versions.sh --bootstrap-server localhost:9092").stdout
    assert "Produce(0)" in shown and "kafka:9092" in shown


def test_kafka_console_consumer(stack):
    """As printed it waits for more for ever; `--max-messages 1` ends it."""
    record = f"a test of the documents {uuid.uuid4().hex}"
    try:
        produce(stack, "user.events", record)
        shown = stack.shell(
            "docker compose exec kafka /opt/kafka/bin/kafka-console-consumer.sh \\\n"
            "    --bootstrap-server localhost:9092 \\\n    --topic user.events \\\n    --from-beginning --max-messages 1"
        ).stdout
        assert shown.strip()
    finally:
        empty_topic(stack, "user.events")


# ---- restart, build, reset ------------------------------------------------------------------------------------------


def test_restarting_the_application(stack):
    before = stack.inspect("rust")["State"]["StartedAt"]
    stack.shell("docker compose restart rust", timeout=120)
    assert stack.inspect("rust")["State"]["StartedAt"] > before
    wait_until_healthy(stack, "rust", "nginx", seconds=180)


def test_up_a_second_time_changes_nothing(stack):
    ids = {service: row["ID"] for service, row in stack.services().items()}
    for line in ("docker compose up -d", "docker compose up -d --build"):
        stack.shell(line, env=only_running(stack), timeout=600)
        assert {service: row["ID"] for service, row in stack.services().items()} == ids, line


def test_building_starts_nothing(stack):
    container, file = stack.container("redis"), stack.root / "redis/entrypoint.sh"

    def image():
        return stack.run("docker", "image", "inspect", "--format", "{{.Id}}", stack.inspect("redis")["Config"]["Image"]).stdout

    before, text = image(), file.read_text()
    try:
        file.write_text(f"{text}# A line more.\n")
        assert "the images are built" in stack.shell("./sun build redis", timeout=600).stdout
        assert image() != before
        assert stack.container("redis") == container and is_green(stack, "redis")
    finally:
        file.write_text(text)
        stack.shell("./sun build redis", timeout=600)
    assert image() == before


def test_the_full_reset(stack):
    """The four commands of the documents, in a project of its own that has one small service."""
    project = stack.inspect("redis")["Config"]["Labels"]["com.docker.compose.project"] + "-reset"
    other = {
        "COMPOSE_PROJECT_NAME": project, "COMPOSE_PROFILES": "", "DEVNET_SUBNET": "10.213.7.0/24", "DEVNET_IP_RANGE": "10.213.7.128/25",
        "DEVNET_GATEWAY": "10.213.7.1", "REDIS_IP": "10.213.7.13", "DEV_REDIS_PORT": "0",
    }

    def volumes():
        return stack.run("docker", "volume", "ls", "-q", "--filter", f"label=com.docker.compose.project={project}").stdout.split()

    try:
        stack.shell("docker compose build --no-cache redis && docker compose up -d redis", env=other)
        assert volumes() == [f"{project}_redisdata"]
        stack.shell("docker compose down -v", env=other)
        assert volumes() == []
        stack.shell("docker compose down --rmi all", env=other)
        assert stack.run("docker", "images", "-q", f"{project}-redis").stdout == ""
        assert is_green(stack, "redis"), "another project was touched"
    finally:
        stack.shell("docker compose down -v --rmi local", env=other)


# ---- certificates ---------------------------------------------------------------------------------------------------


def served(stack):
    """The certificate that nginx shows."""
    return ssl.get_server_certificate(("localhost", int(setting(stack, "HTTPS_PORT"))), timeout=5).strip()


@pytest.fixture
def pairs(stack, tmp_path):
    """Two new pairs; what was there before is put back."""
    project = stack.inspect("nginx")["Config"]["Labels"]["com.docker.compose.project"]
    for file in ("cert", "key"):
        stack.run("docker", "cp", f"{project}-nginx-1:/etc/nginx/ssl/{file}.pem", str(tmp_path / f"before-{file}.pem"))
        for name in ("your", "other"):
            if file == "cert":
                stack.run(
                    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    f"/CN={name}", "-keyout", str(tmp_path / f"{name}-key.pem"), "-out", str(tmp_path / f"{name}-cert.pem"),
                )
                # A person's own file, which nobody else may read; without root it is that already.
                if os.geteuid() == 0:
                    os.chown(tmp_path / f"{name}-key.pem", 1000, 1000)

    def use(cert, key):
        for line in (
            f"docker cp {cert}-cert.pem {project}-nginx-1:/etc/nginx/ssl/cert.pem",
            f"docker cp {key}-key.pem {project}-nginx-1:/etc/nginx/ssl/key.pem",
        ):
            stack.shell(f"cd {tmp_path} && {line}")
        stack.shell("docker compose restart nginx")
        wait_until_green(stack, "nginx")
        return served(stack)

    yield tmp_path, use
    use("before", "before")
    wait_until_healthy(stack, "nginx")


def test_your_certificate_is_served_after_a_restart(stack, pairs):
    folder, use = pairs
    assert use("your", "your") == (folder / "your-cert.pem").read_text().strip()
    # Still after the container was made anew, and with a broken pair that comes later.
    stack.compose("up", "-d", "--no-deps", "--force-recreate", "nginx")
    wait_until_green(stack, "nginx")
    assert served(stack) == (folder / "your-cert.pem").read_text().strip()
    assert use("other", "your") == (folder / "your-cert.pem").read_text().strip()
    assert "do not belong together; the pair from before is served" in stack.compose("logs", "nginx").stdout
    (folder / "half-cert.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    assert use("half", "your") == (folder / "your-cert.pem").read_text().strip()
    assert "is not a certificate in PEM" in stack.compose("logs", "nginx").stdout


# ---- a new topic, a new scrape target -------------------------------------------------------------------------------


@contextlib.contextmanager
def edited(stack, path, old, new):
    """Another text in a file, saved as editors do: a new file under the old name."""
    file = stack.root / path
    before, mode = file.read_bytes(), file.stat().st_mode
    assert before.decode().count(old) == 1, f"{path} has no single {old}"

    def save(data):
        beside = file.with_name(file.name + ".new")
        beside.write_bytes(data)
        beside.chmod(mode)
        beside.rename(file)

    save(before.decode().replace(old, new).encode())
    try:
        yield
    finally:
        save(before)


def test_a_topic_is_added_by_editing_the_entrypoint(stack):
    topic = "orders.events"
    try:
        with edited(stack, "kafka/entrypoint.sh", 'events.dead_letter"\n', f'events.dead_letter {topic}"\n'):
            stack.shell("docker compose restart kafka", timeout=120)
            wait_until_green(stack, "kafka")
            assert set(stack.shell(LIST_TOPICS).stdout.split()) >= TOPICS | {topic}
            described = kafka(stack, "topics", "--describe", "--topic", topic).stdout
            assert f"PartitionCount: {setting(stack, 'KAFKA_NUM_PARTITIONS')}" in described
            kafka(stack, "topics", "--delete", "--topic", topic)
    finally:
        stack.compose("restart", "kafka", timeout=120)
        wait_until_green(stack, "kafka")
        wait_until_healthy(stack, "kafka")
    assert topic not in stack.shell(LIST_TOPICS).stdout


def test_a_scrape_target_is_added_by_editing_the_configuration(stack):
    def jobs():
        answer = stack.http(f"http://localhost:{setting(stack, 'PROMETHEUS_PORT')}/api/v1/targets").json()
        return {target["labels"]["job"] for target in answer["data"]["activeTargets"]}

    job = "  - job_name: 'new-service'\n    static_configs:\n      - targets: ['172.31.0.1:9']\n"
    try:
        with edited(stack, "prometheus/prometheus.yml", "scrape_configs:\n", "scrape_configs:\n" + job):
            stack.shell("docker compose restart prometheus")
            wait_until_green(stack, "prometheus")
            stack.wait_for("the new target", lambda: "new-service" in jobs(), 15)
    finally:
        stack.compose("restart", "prometheus")
        wait_until_green(stack, "prometheus")
    stack.wait_for("the targets of before", lambda: jobs() and "new-service" not in jobs(), 15)
    wait_until_healthy(stack, "prometheus")


# ---- a new migration ------------------------------------------------------------------------------------------------


def test_a_migration_is_added_run_and_prepared(stack):
    """The recipe of the documents, in the shell of the container. `sqlx migrate add` leaves a file to be written; what
    runs the migrations at a change must not take it for a migration before that."""
    migrations = stack.root / "blazing_sun/migrations"

    def in_shell(line, **options):
        return stack.exec("rust", "bash", stdin=f"set -e\ncd blazing_sun\n{line}\n", **options)

    before = set(migrations.iterdir())
    applied = sql(stack, "SELECT max(version) FROM _sqlx_migrations")
    metadata = {path.name: path.read_bytes() for path in (stack.root / "blazing_sun/.sqlx").iterdir()}
    try:
        in_shell("sqlx migrate add recipe_of_the_documents")
        [file] = set(migrations.iterdir()) - before
        assert re.fullmatch(r"\d{14}_recipe_of_the_documents\.sql", file.name)
        # A person takes longer than this to write it.
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert sql(stack, "SELECT max(version) FROM _sqlx_migrations") == applied, "the unwritten migration was applied"
        file.write_text("CREATE TABLE recipe_of_the_documents (id bigint PRIMARY KEY);\n")
        assert "recipe of the documents" in in_shell("sqlx migrate run; sqlx migrate info").stdout
        assert sql(stack, "SELECT count(*) FROM recipe_of_the_documents") == "0"
        in_shell("cargo sqlx prepare", timeout=600)
        stack.shell("docker compose restart rust", timeout=120)
        wait_until_healthy(stack, "rust", seconds=180)
    finally:
        for file in set(migrations.iterdir()) - before:
            file.unlink()
        sql(stack, f"DROP TABLE IF EXISTS recipe_of_the_documents; DELETE FROM _sqlx_migrations WHERE version > {applied}")
        for path in (stack.root / "blazing_sun/.sqlx").iterdir():
            if path.name not in metadata:
                path.unlink()
        for name, data in metadata.items():
            (stack.root / "blazing_sun/.sqlx" / name).write_bytes(data)
        stack.compose("restart", "rust", timeout=120)
        wait_until_healthy(stack, "rust", seconds=180)


# ---- the pages ------------------------------------------------------------------------------------------------------


def test_the_application_page(stack):
    assert site(stack).status == 200


def test_the_rabbitmq_page_and_its_sign_in(stack):
    base = f"http://localhost:{setting(stack, 'RABBITMQ_MANAGEMENT_PORT')}"
    assert "RabbitMQ" in stack.http(base + "/").body
    assert rabbit(stack, "whoami", password="rabbitmq_secret_password").json()["name"] == "app"
    assert rabbit(stack, "whoami", password="wrong").status == 401
    queues = {queue["name"]: queue["arguments"] for queue in rabbit(stack, "queues").json()}
    assert queues["jobs"]["x-max-priority"] == 10 and "jobs_failed" in queues


def test_pgadmin_opens_the_server_without_asking(stack):
    page = f"http://localhost:{setting(stack, 'PGADMIN_PORT')}/pgadmin"
    opened = pgadmin_client.connect(page, "admin@blazingsun.app", "pgadmin_secret_password")
    assert "blazing_sun" in opened["databases"]


def test_the_prometheus_page(stack):
    base = f"http://localhost:{setting(stack, 'PROMETHEUS_PORT')}"
    assert stack.http(f"{base}/api/v1/query?query=up").json()["status"] == "success"
    assert stack.http(f"{base}/").status in (200, 302)


def test_the_mail_catcher_shows_a_mail(stack):
    """Sent from the application's container, to the address the application is given."""
    subject = f"test {uuid.uuid4().hex}"
    mail = f"EHLO rust\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nSubject: {subject}\r\n\r\nhello\r\n.\r\nQUIT\r\n"
    # A line at a time: the server need not take commands before it has answered.
    line = 'exec 3<>/dev/tcp/$MAIL_HOST/$MAIL_PORT; read -r _ <&3; while IFS= read -r l; do printf "%s\\n" "$l" >&3; done; timeout 5 cat <&3'
    assert "250" in stack.exec("rust", "bash", "-c", line, stdin=mail).stdout
    base = f"http://localhost:{setting(stack, 'MAILPIT_PORT')}"
    assert stack.http(base + "/").status == 200

    def mails():
        # Mailpit's page, or that of its stand-in.
        for path in ("/api/v1/messages", "/email"):
            if (answer := stack.http(base + path)).status == 200:
                return answer.body
        raise AssertionError("no list of mails")

    stack.wait_for("the mail", lambda: subject in mails(), 10)


def test_the_kafka_ui_page_and_its_sign_in(stack):
    if "kafka-ui" not in running(stack):
        # `running` has made sure that this machine can have none: no registry answers. Its definition then.
        defined = stack.compose("--profile", "kafka-ui", "config", "kafka-ui").stdout
        assert f'published: "{setting(stack, "KAFKA_UI_PORT")}"' in defined and "host_ip: 127.0.0.1" in defined
        assert "KAFKA_UI_USER: admin" in defined and "KAFKA_UI_PASSWORD: kafka_ui_secret_password" in defined
        return
    base = f"http://localhost:{setting(stack, 'KAFKA_UI_PORT')}/kafka"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    good = stack.http(f"{base}/login", method="POST", headers=form, data=b"username=admin&password=kafka_ui_secret_password")
    bad = stack.http(f"{base}/login", method="POST", headers=form, data=b"username=admin&password=wrong")
    assert good.status == 302 and "error" not in good.headers["Location"]
    assert bad.status != 302 or "error" in bad.headers["Location"]


def test_the_grafana_page_and_its_sign_in(stack):
    if "grafana" not in running(stack):
        # As for the Kafka UI.
        defined = stack.compose("--profile", "grafana", "config", "grafana").stdout
        assert f"https://localhost:{setting(stack, 'HTTPS_PORT')}/grafana/" in defined and "GRAFANA_USER: admin" in defined
        return
    for password, status in (("admin", 200), ("wrong", 401)):
        token = base64.b64encode(f"admin:{password}".encode()).decode()
        assert site(stack, "/grafana/api/user", headers={"Authorization": f"Basic {token}"}).status == status
