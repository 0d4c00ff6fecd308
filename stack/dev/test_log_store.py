"""The log store, which is off by default: turned on, it has what the containers of this project write, and no other's."""

import json
import urllib.parse
import uuid

import pytest

from services import setting, site


@pytest.fixture(scope="module")
def store(stack):
    """The stack with the profile `logs`: a function that asks the store, and gives its lines."""
    before = {name: stack.env(name) for name in ("COMPOSE_PROFILES", "CONTAINER_LOGS")}
    engine = stack.run("docker", "info", "--format", "{{.DockerRootDir}}").stdout.strip()
    stack.set(COMPOSE_PROFILES=f"{before['COMPOSE_PROFILES']},logs", CONTAINER_LOGS=f"{engine}/containers")
    try:
        stack.up("log-store", "log-collector", timeout=1500)

        def ask(query):
            url = f"http://localhost:{setting(stack, 'LOG_STORE_PORT')}/select/logsql/query"
            answer = stack.http(url, method="POST", data=urllib.parse.urlencode({"query": query, "limit": 100}).encode())
            assert answer.status == 200, answer.body
            return [json.loads(line) for line in answer.body.splitlines()]

        yield ask
    finally:
        stack.compose("rm", "--force", "--stop", "log-collector", "log-store")
        stack.set(**before)


def test_a_requests_id_is_found_in_the_lines_of_each_service_it_went_through(stack, store):
    request = site(stack, "/health/ready").headers["X-Request-Id"]
    assert request

    def services():
        return {line["service.name"] for line in store(f'"{request}" _time:1h')}

    stack.wait_for("the lines of nginx and the application", lambda: services() >= {"nginx", "rust"}, 60)
    (line,) = store(f'"service.name":nginx request_id:="{request}" _time:1h')
    assert (line["path"], line["status"], line["container.name"]) == ("/health/ready", "200", stack.inspect("nginx")["Name"].removeprefix("/"))


def test_it_has_what_was_logged_before_it_ran(stack, store):
    assert store('"service.name":kafka "all topics exist"')


def test_it_has_nothing_of_other_projects(stack, store):
    mark = f"another-{uuid.uuid4().hex}"
    labels = {"com.docker.compose.project": mark, "com.docker.compose.service": mark}
    other = stack.run(
        "docker", "run", "--detach", *(f"--label={name}={value}" for name, value in labels.items()),
        "--log-opt", f"labels={','.join(labels)}", "--log-opt", "tag={{.Name}}", "--entrypoint", "echo", stack.inspect("nginx")["Config"]["Image"], mark,
    ).stdout.strip()
    try:
        stack.wait_for("its line", lambda: mark in stack.run("docker", "logs", other).stdout, 20)
        # Written later, and there: so the other would be.
        site(stack, "/asked-for-later-" + mark)
        stack.wait_for("the line of nginx", lambda: store(f'"asked-for-later-{mark}"'), 60)
        assert store(f'"service.name":"{mark}"') == []
    finally:
        stack.run("docker", "rm", "--force", other)


def test_it_is_not_fed_twice(stack, store):
    """It remembers how far it has read."""
    request = site(stack, "/health/live").headers["X-Request-Id"]
    found = f'"service.name":nginx request_id:="{request}"'
    stack.wait_for("the line", lambda: store(found), 60)
    stack.compose("restart", "log-collector")
    later = site(stack, "/health/live").headers["X-Request-Id"]
    stack.wait_for("a later line", lambda: store(f'"service.name":nginx request_id:="{later}"'), 60)
    assert len(store(found)) == 1
