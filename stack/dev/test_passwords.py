"""Every password is changed in `.env`, `./sun up` is run on the old volumes, and the new ones are the ones that count."""

import re

import pytest

import pgadmin_client
from conftest import AWFUL_PASSWORD
from services import (
    PASSWORDS, UNCHECKED, Kept, check, leaks, logs, passwords, process_lists, prometheus, rabbit, ready, running, setting,
    wait_until_healthy,
)


@pytest.fixture(scope="module")
def changed(stack):
    """The stack with other passwords: the old ones, and what was stored before the change."""
    names = [f"{name}_PASSWORD" for name in PASSWORDS]
    old = {name: stack.env(name) for name in names}
    kept = Kept(stack)
    # Each its own, so that one service's password cannot pass for another's.
    new = {name: f"{AWFUL_PASSWORD[:-1]}{name} " for name in names}
    try:
        stack.set(**new)
        stack.up()
        yield old, new, kept
    finally:
        stack.set(**old)
        stack.up()
        kept.remove()
        wait_until_healthy(stack, *running(stack))


def test_the_passwords_reach_the_containers_as_they_were_written(stack, changed):
    _, new, _ = changed
    assert {name: stack.env(name) for name in new} == new


def test_every_service_is_healthy_with_them(stack, changed):
    for service in running(stack):
        assert service in UNCHECKED or stack.health(service) == "healthy", service
        green, output = check(stack, service)
        assert green, (service, output)


def test_the_application_reaches_everything_with_them(stack, changed):
    assert set(ready(stack).json()["dependencies"].values()) == {"up"}


def test_nothing_that_was_stored_is_gone(stack, changed):
    _, _, kept = changed
    assert kept.missing() == {}


def sign_in_to_postgres(stack, password, user="$POSTGRES_USER"):
    return stack.exec(
        "postgres", "sh", "-c", f'IFS= read -r PGPASSWORD; export PGPASSWORD; exec psql -XqAt "host=postgres user={user} dbname=$POSTGRES_DB" -c "SELECT 1"',
        stdin=password + "\n", check=False,
    )


def test_postgres_takes_only_the_new_password(stack, changed):
    old, new, _ = changed
    assert sign_in_to_postgres(stack, new["POSTGRES_PASSWORD"]).stdout == "1\n"
    refused = sign_in_to_postgres(stack, old["POSTGRES_PASSWORD"])
    assert refused.returncode != 0 and "password authentication failed" in refused.stderr


@pytest.mark.parametrize("user", ["app", "default", "monitoring"])
def test_redis_takes_only_the_new_password(stack, changed, user):
    name = "MONITORING_PASSWORD" if user == "monitoring" else "REDIS_PASSWORD"

    def ping(password):
        line = 'IFS= read -r REDISCLI_AUTH; export REDISCLI_AUTH; exec redis-cli --user "$1" ping'
        done = stack.exec("redis", "sh", "-c", line, "sh", user, stdin=password + "\n", check=False)
        return done.stdout + done.stderr

    old, new, _ = changed
    assert ping(new[name]).strip() == "PONG"
    assert "WRONGPASS" in ping(old[name])


def test_postgres_takes_only_the_new_password_for_monitoring_and_the_exporters_have_it(stack, changed):
    old, new, _ = changed
    assert sign_in_to_postgres(stack, new["MONITORING_PASSWORD"], "monitoring").stdout == "1\n"
    refused = sign_in_to_postgres(stack, old["MONITORING_PASSWORD"], "monitoring")
    assert refused.returncode != 0 and "password authentication failed" in refused.stderr
    for query in ("pg_up", "redis_up"):
        stack.wait_for(f"{query} of the new containers", lambda query=query: [v for _, v in prometheus(stack, f"{query} and timestamp({query}) > time() - 20")] == [1], 60)


def test_rabbitmq_takes_only_the_new_password(stack, changed):
    old, new, _ = changed
    assert rabbit(stack, "whoami", password=new["RABBITMQ_PASSWORD"]).status == 200
    assert rabbit(stack, "whoami", password=old["RABBITMQ_PASSWORD"]).status == 401


def test_pgadmin_takes_only_the_new_password_and_opens_the_server_with_the_new_one(stack, changed):
    old, new, _ = changed
    page = f"http://localhost:{setting(stack, 'PGADMIN_PORT')}/pgadmin"
    email = setting(stack, "PGADMIN_DEFAULT_EMAIL")
    opened = pgadmin_client.connect(page, email, new["PGADMIN_DEFAULT_PASSWORD"])
    assert opened["user"] == setting(stack, "POSTGRES_USER")
    with pytest.raises(pgadmin_client.PgAdminError, match="refused"):
        pgadmin_client.connect(page, email, old["PGADMIN_DEFAULT_PASSWORD"])


def test_grafana_takes_only_the_new_password_where_it_runs(stack, changed):
    if "grafana" not in running(stack):
        # `running` has made sure that this machine can have none; the setting reaches the service's definition at least.
        assert "GRAFANA_PASSWORD" in (stack.root / "docker-compose.dev.yml").read_text()
        return
    old, new, _ = changed
    user = setting(stack, "GRAFANA_USER")
    line = 'IFS= read -r password; curl -s -o /dev/null -w "%{http_code}" -u "$1:$password" http://localhost:3000/api/user'
    for password, status in ((new["GRAFANA_PASSWORD"], "200"), (old["GRAFANA_PASSWORD"], "401")):
        assert stack.exec("grafana", "sh", "-c", line, "sh", user, stdin=password + "\n").stdout == status


def test_the_environment_of_the_tools_holds_them_escaped_and_closed(stack, changed):
    _, new, _ = changed
    assert stack.exec("rust", "stat", "-c", "%a", ".env").stdout.strip() == "600"
    written = dict(re.findall(r'^(\w+)="(.*)"$', stack.exec("rust", "cat", ".env").stdout, re.MULTILINE))
    for name in ("POSTGRES", "REDIS", "RABBITMQ", "MAIL"):
        assert re.sub(r"\\(.)", r"\1", written[f"{name}_PASSWORD"]) == new[f"{name}_PASSWORD"], name
    assert set(written) >= {"PORT", "KAFKA_HOST", "REDIS_DB", "RABBITMQ_VHOST", "MAIL_FROM_NAME", "DATABASE_URL"}
    # sqlx takes its address from that file.
    assert "/installed" in stack.exec("rust", "sqlx", "migrate", "info").stdout


def test_they_stand_in_no_log_and_no_process_list(stack, changed):
    known = passwords(stack)
    assert len(known) == len(PASSWORDS)
    assert leaks(stack, logs(stack), known) == []
    assert {s: found for s, text in process_lists(stack).items() if (found := leaks(stack, text, known))} == {}
