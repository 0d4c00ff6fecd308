"""The running stack of this checkout, as Compose knows it."""

import json
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def run(*words, limit=120):
    """A command in the checkout, and what it printed; one that fails ends the drill with its words."""
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=limit, check=False)
    if done.returncode:
        raise SystemExit(f"drill: {' '.join(words)} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def settings():
    """Every variable of `.env`, as Compose resolves it."""
    lines = run("docker", "compose", "config", "--environment").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def states():
    """{service: its health, or its state where it has no healthcheck}"""
    found = {}
    for line in run("docker", "compose", "ps", "--all", "--format", "json").splitlines():
        container = json.loads(line)
        found[container["Service"]] = container["Health"] or container["State"]
    return found


def kill(service):
    """Ends it at once. Docker does not start again what was killed by its own command."""
    run("docker", "compose", "kill", service)


def start(service, limit=300):
    """Starts it and waits until it is well; how long that took, in seconds."""
    began = time.monotonic()
    run("docker", "compose", "start", service)
    while states().get(service) not in ("healthy", "running"):
        if time.monotonic() - began > limit:
            raise SystemExit(f"drill: {service} is not healthy {limit} s after it was started")
        time.sleep(1)
    return time.monotonic() - began
