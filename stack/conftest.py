"""The stack under test, as the tests see it: the checkout they run in, with its own project, subnet and ports."""

import json
import os
import pathlib
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import pytest

import env_file

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Every kind of character that some configuration format treats as its own, and a space at the end.
AWFUL_PASSWORD = "p@ss|w&rd#$%'\" x\\ "


class Answer:
    """What an HTTP request was answered."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class KeepRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Stack:
    """Runs commands in the checkout. Every call has a time limit."""

    def __init__(self, root=ROOT):
        self.root = root

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
        return self.compose("exec", "-T", service, *command, **options)

    def up(self, *words, **options):
        return self.run("./sun", "up", *words, **{"timeout": 900, **options})

    # ---- containers

    def container(self, service):
        """The id of the one container of a service."""
        return self.compose("ps", "--all", "--quiet", service).stdout.strip()

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

    # ---- HTTP

    def http(self, url, method="GET", headers=None, data=None, timeout=10):
        """A request that follows no redirect and trusts the self-signed certificate."""
        insecure = ssl.create_default_context()
        insecure.check_hostname, insecure.verify_mode = False, ssl.CERT_NONE
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=insecure), KeepRedirects())
        request = urllib.request.Request(url, method=method, headers=headers or {}, data=data)
        try:
            with opener.open(request, timeout=timeout) as response:
                return Answer(response.status, response.headers, response.read().decode(errors="replace"))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read().decode(errors="replace"))

    def site(self, path="/", **options):
        """A request to the site, through nginx."""
        return self.http(f"https://localhost:{self.env('HTTPS_PORT')}{path}", **options)


@pytest.fixture(scope="session")
def stack():
    return Stack()
