"""The stack under test, as the tests see it: the checkout they run in, with its own project, subnet and ports."""

import datetime
import functools
import json
import os
import pathlib
import re
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import pytest

import env_file

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Commands after which containers are new ones, and the logs of the old ones are gone.
MAKES_ANEW = re.compile(r"\./sun up\b|\bcompose (?:\S+ )*(?:up|down|rm)\b")

# Every kind of character that some configuration format treats as its own, and a space at the end.
AWFUL_PASSWORD = "p@ss|w&rd#$%'\" x\\ "


class Answer:
    """What an HTTP request was answered."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


# Certificates of this stack are self-signed.
INSECURE = ssl.create_default_context()
INSECURE.check_hostname, INSECURE.verify_mode = False, ssl.CERT_NONE


class KeepRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Stack:
    """Runs commands in the checkout. Every call has a time limit."""

    # Logs of containers that are gone; None where nobody will look at them.
    kept = None

    def __init__(self, root=ROOT):
        self.root, self.kept_until = root, None

    # ---- settings

    def set(self, **values):
        """Changes variables in `.env`, as a person would with an editor."""
        env_file.set_in(self.root, values)

    def env(self, name):
        """A variable as Compose resolves it."""
        for line in self.run("docker", "compose", "config", "--environment").stdout.splitlines():
            if line.startswith(name + "="):
                return line.split("=", 1)[1]
        raise KeyError(name)

    # ---- commands

    def run(self, *command, check=True, timeout=300, stdin=None, env=None):
        """Runs a command in the checkout; a failing one fails the test with what it printed."""
        if self.kept is not None and MAKES_ANEW.search(" ".join(command)):
            self.keep_logs()
        done = subprocess.run(
            command, cwd=self.root, text=True, input=stdin, timeout=timeout, env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL if stdin is None else None, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        if check and done.returncode != 0:
            pytest.fail(f"{' '.join(command)} exited {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done

    def shell(self, line, **options):
        """Runs a line as it is printed in a document."""
        return self.run("bash", "-c", line, **options)

    def compose(self, *words, **options):
        return self.run("docker", "compose", *words, **options)

    def exec(self, service, *command, **options):
        return self.run("docker", "exec", "--interactive", self.container(service), *command, **options)

    def up(self, *words, **options):
        return self.run("./sun", "up", *words, **{"timeout": 900, **options})

    # ---- containers

    @functools.cached_property
    def project(self):
        return self.env("COMPOSE_PROJECT_NAME")

    def containers(self, **labels):
        """The ids of all of them, or of those with Compose's labels; of the engine: Compose reads its files first, for five times as long."""
        labels = {"project": self.project, "oneoff": "False", **labels}
        filters = (word for name, value in labels.items() for word in ("--filter", f"label=com.docker.compose.{name}={value}"))
        return self.run("docker", "ps", "--all", "--quiet", "--no-trunc", *filters).stdout.split()

    def container(self, service):
        """The id of the one container of a service; empty if there is none."""
        return "".join(self.containers(service=service))

    def inspect(self, service):
        return json.loads(self.run("docker", "inspect", self.container(service)).stdout)[0]

    def services(self):
        """Every service of the stack, running or not, with what `docker compose ps` says of it."""
        lines = self.compose("ps", "--all", "--format", "json").stdout.splitlines()
        return {row["Service"]: row for row in map(json.loads, lines)}

    def health(self, service):
        return self.inspect(service)["State"]["Health"]["Status"]

    def check_health(self, service):
        """Runs the healthcheck of a service now, as the engine does; its exit code and what it printed."""
        test = self.inspect(service)["Config"]["Healthcheck"]["Test"]
        assert test[0] == "CMD", test
        return self.exec(service, *test[1:], check=False, timeout=30)

    def wait_for(self, what, true, seconds=60):
        """Waits until a condition holds: for what the engine or a broker does on a clock of its own."""
        end = time.monotonic() + seconds
        while not (result := true()):
            assert time.monotonic() < end, f"waited {seconds} s for {what}"
            time.sleep(0.2)
        return result

    # ---- logs

    def keep_logs(self):
        """Sets aside what was logged since the last time."""
        now = datetime.datetime.now(datetime.UTC).isoformat()
        since = ["--since", self.kept_until] if self.kept_until else []
        done = self.compose("logs", "--no-color", *since, check=False)
        # (It fails while `.env` is a broken one, which some tests make; the next time has it all.)
        if done.returncode == 0:
            self.kept.append(done.stdout)
            self.kept_until = now

    def all_logs(self):
        """The logs of everything that ran while this did."""
        self.keep_logs()
        return "".join(self.kept)

    # ---- HTTP

    def http(self, url, method="GET", headers=None, data=None, timeout=10):
        """A request that follows no redirect and trusts the self-signed certificate."""
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=INSECURE), KeepRedirects())
        request = urllib.request.Request(url, method=method, headers=headers or {}, data=data)
        try:
            with opener.open(request, timeout=timeout) as response:
                return Answer(response.status, response.headers, response.read().decode(errors="replace"))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read().decode(errors="replace"))

    def site(self, path="/", **options):
        """A request to the site, through nginx."""
        return self.http(f"https://localhost:{self.env('HTTPS_PORT')}{path}", **options)


def pytest_collection_modifyitems(items):
    """What looks at the logs of all tests comes after them."""
    items.sort(key=lambda item: item.path.name == "test_logs.py")
    if items and items[-1].path.name == "test_logs.py":
        Stack.kept = []


@pytest.fixture(scope="session")
def stack():
    return Stack()
