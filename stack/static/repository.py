"""The checkout as the static tests read it: its files, its documents, and its Compose files as Compose resolves them."""

import functools
import json
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What .gitignore names, and what tools leave behind.
NOT_OURS = {".git", ".pytest_cache", "__pycache__", "blazing_sun/target", "blazing_sun/fuzz/target", "blazing_sun/fuzz/artifacts",
            "secrets", ".env", "blazing_sun/.env"}

MODES = ("dev", "prod")
PROFILES = ("kafka-ui", "pgadmin", "prometheus", "grafana", "mailpit", "exporters", "alertmanager", "logs", "tracing")
# Those that the example leaves to whoever wants them.
OFF = {"logs", "tracing"}
EXPORTERS = ("postgres-exporter", "redis-exporter", "nginx-exporter", "kafka-exporter", "node-exporter")
LOGS = ("log-store", "log-collector")

# The spec's services, in the order of their addresses (.10 to .19).
SERVICES = ("rust", "postgres", "nginx", "redis", "rabbitmq", "prometheus", "grafana", "kafka", "kafka-ui", "pgadmin")
# Those with a folder and an image of ours.
BUILT = (*SERVICES, "alertmanager")

README = ROOT / "README.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "offline/README.md", ROOT / "stack/README.md", ROOT / "blazing_sun/README.md"]


def name(path):
    """A path as a person would type it in the checkout."""
    return str(path.relative_to(ROOT))


@functools.cache
def files():
    """Every file a clone would hold."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        at = pathlib.Path(folder)
        folders[:] = [f for f in folders if f not in NOT_OURS and name(at / f) not in NOT_OURS]
        if at.parent == ROOT / "blazing_sun/storage/app":
            names = [n for n in names if n == ".gitkeep"]
        found += [at / n for n in names if name(at / n) not in NOT_OURS]
    return sorted(found)


def read(path):
    return (ROOT / path).read_text()


@functools.cache
def example():
    """The variables of .env.example, as they stand there."""
    return dict(re.findall(r"(?m)^([A-Z][A-Z0-9_]*)=(.*)$", read(".env.example")))


@functools.cache
def used_variables():
    """Variable -> the defaults that the Compose files give it (None where it has none)."""
    found = {}
    for path in ROOT.glob("docker-compose*.yml"):
        # A comment is no use of a variable.
        text = re.sub(r"(?m)^\s*#.*$", "", path.read_text())
        for variable, default in re.findall(r"\$\{([A-Z][A-Z0-9_]*)(?::[-?]([^}]*))?\}", text):
            found.setdefault(variable, set()).add(default or None)
    return found


def compose(mode, *words, profiles="*", **environment):
    """Runs `docker compose` on the files of a mode, with .env.example for its .env."""
    clean = {k: v for k, v in os.environ.items() if k not in example() and not k.startswith("COMPOSE_")}
    command = ["docker", "compose", "--env-file", ".env.example", "-f", "docker-compose.yml", "-f", f"docker-compose.{mode}.yml"]
    return subprocess.run([*command, *words], cwd=ROOT, text=True, capture_output=True, timeout=60,
                          env={**clean, "BUILD_ENV": mode, "COMPOSE_PROFILES": profiles, **environment})


@functools.cache
def resolved(mode):
    """The whole stack of a mode, every profile on, as Compose understands it."""
    done = compose(mode, "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def each_service():
    """(mode, service) for every service of both modes."""
    return [(mode, service) for mode in MODES for service in sorted(resolved(mode)["services"])]


@functools.cache
def instructions(path):
    """The instructions of a Dockerfile, continued lines joined, without comments."""
    text = re.sub(r"(?m)^\s*#.*\n", "", read(path))
    return [line.strip() for line in re.sub(r"\\\n", " ", text).splitlines() if line.strip()]
