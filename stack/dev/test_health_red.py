"""Each healthcheck is green, red when its service does not do its work, and green again when it does."""

import contextlib

import pytest

from services import check, is_green, kafka, rabbit, ready, setting, sql, wait_until_green, wait_until_healthy


def said(stack, service):
    """What a red healthcheck says."""
    green, output = check(stack, service)
    assert not green, f"{service} is still green: {output}"
    return output


def default_redis(stack, *words):
    """Redis as its administrator; the application's user may do none of this."""
    return stack.exec("redis", "sh", "-c", 'REDISCLI_AUTH=$REDIS_PASSWORD exec redis-cli -p "$REDIS_PORT" "$@"', "redis-cli", *words).stdout


def test_redis_with_another_password_is_red_and_the_engine_sees_it(stack):
    user = setting(stack, "REDIS_USER")
    assert is_green(stack, "redis")
    try:
        default_redis(stack, "ACL", "SETUSER", user, "resetpass", ">another")
        assert "WRONGPASS" in said(stack, "redis")
        stack.wait_for("the engine calling redis unhealthy", lambda: stack.health("redis") == "unhealthy", 60)
    finally:
        default_redis(stack, "ACL", "LOAD")
    assert is_green(stack, "redis")
    wait_until_healthy(stack, "redis")


def test_kafka_without_one_of_its_topics_is_red_and_a_restart_mends_it(stack):
    assert is_green(stack, "kafka")
    try:
        kafka(stack, "topics", "--delete", "--topic", "system.events")
        stack.wait_for("the topic to go", lambda: not is_green(stack, "kafka"), 10)
        assert "system.events" in said(stack, "kafka")
        assert ready(stack).json()["dependencies"]["kafka"] == "degraded"
    finally:
        stack.compose("restart", "kafka", timeout=120)
        wait_until_green(stack, "kafka")
    wait_until_healthy(stack, "kafka")


def test_rabbitmq_without_its_vhost_is_red_and_a_restart_mends_it(stack):
    assert is_green(stack, "rabbitmq")
    try:
        assert rabbit(stack, "vhosts/%2F", "DELETE").status == 204
        said(stack, "rabbitmq")
    finally:
        stack.compose("restart", "rabbitmq", timeout=120)
        wait_until_green(stack, "rabbitmq")
    assert {queue["name"] for queue in rabbit(stack, "queues/%2F").json()} >= {"jobs", "jobs_failed"}
    wait_until_healthy(stack, "rabbitmq")


def test_rabbitmq_without_its_jobs_queue_is_red_until_the_application_makes_it_again(stack):
    assert is_green(stack, "rabbitmq")
    stack.compose("pause", "rust")
    try:
        assert rabbit(stack, "queues/%2F/jobs", "DELETE").status == 204
        assert "queue jobs is missing" in said(stack, "rabbitmq")
    finally:
        stack.compose("unpause", "rust")
    wait_until_green(stack, "rabbitmq")
    [jobs] = [queue for queue in rabbit(stack, "queues/%2F").json() if queue["name"] == "jobs"]
    assert jobs["arguments"] == {"x-max-priority": 10, "x-queue-type": "classic"}


@contextlib.contextmanager
def no_connections(stack):
    """PostgreSQL runs, and lets nobody into the application's database."""
    database = setting(stack, "POSTGRES_DB")
    try:
        sql(stack, f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false', "postgres", "postgres")
        sql(stack, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'", "postgres", "postgres")
        yield
    finally:
        sql(stack, f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true', "postgres", "postgres")


def test_postgres_that_refuses_connections_is_red_and_so_is_the_application(stack):
    assert is_green(stack, "postgres") and is_green(stack, "rust")
    with no_connections(stack):
        assert "not currently accepting connections" in said(stack, "postgres")
        stack.wait_for("the application to notice", lambda: ready(stack).status == 503, 5)
        assert "postgres down" in said(stack, "rust")
    assert is_green(stack, "postgres")
    wait_until_green(stack, "rust", 10)


@contextlib.contextmanager
def paused(stack, *services):
    """A service that hangs: connections stay open and nobody answers, which is worse than being away."""
    containers = [stack.container(service) for service in services]
    stack.run("docker", "pause", *containers)
    try:
        yield
    finally:
        stack.run("docker", "unpause", *containers)


def test_an_application_whose_postgres_hangs_is_red_and_not_ready(stack):
    assert is_green(stack, "rust")
    with paused(stack, "postgres"):
        answer = stack.wait_for("an answer that is not ready", lambda: (a := ready(stack)).status == 503 and a, 10)
        assert answer.json()["dependencies"] == {"postgres": "down", "redis": "up", "rabbitmq": "up", "kafka": "up"}
        assert "postgres down" in said(stack, "rust")
        # It lives, so nobody needs to kill it.
        assert stack.http(f"http://localhost:{setting(stack, 'DEV_APP_PORT')}/health/live").status == 200
    wait_until_green(stack, "rust", 20)
    wait_until_healthy(stack, "postgres", "rust")


def test_an_application_without_its_brokers_and_cache_is_only_degraded(stack):
    carriers = ("redis", "rabbitmq", "kafka")
    with paused(stack, *carriers):
        answer = stack.wait_for(
            "all three to be degraded",
            lambda: (a := ready(stack)).json()["dependencies"] == {"postgres": "up", **dict.fromkeys(carriers, "degraded")} and a, 15,
        )
        assert answer.status == 200
        assert is_green(stack, "rust")
    stack.wait_for("all of them back", lambda: set(ready(stack).json()["dependencies"].values()) == {"up"}, 30)
    wait_until_healthy(stack, *carriers)


def test_nginx_that_speaks_no_tls_is_red(stack):
    assert is_green(stack, "nginx")
    try:
        stack.exec("nginx", "sh", "-c", "sed 's/443 ssl/443/; s/443 ssl/443/' /tmp/default.conf >/tmp/plain && cat /tmp/plain >/tmp/default.conf && nginx -s reload")
        stack.wait_for("the reload", lambda: not is_green(stack, "nginx"), 10)
        assert "TLS" in said(stack, "nginx")
    finally:
        stack.compose("restart", "nginx")
        wait_until_healthy(stack, "nginx")
    assert is_green(stack, "nginx")


@pytest.mark.parametrize("service", ["pgadmin", "prometheus", "mailpit"])
def test_a_user_interface_that_hangs_is_red(stack, service):
    assert is_green(stack, service)
    everything = "kill -s {} -- -1"  # every process but the shell that says it and the engine's init
    try:
        stack.exec(service, "sh", "-c", everything.format("STOP"))
        said(stack, service)
    finally:
        stack.exec(service, "sh", "-c", everything.format("CONT"))
    wait_until_green(stack, service, 15)
    wait_until_healthy(stack, service)
