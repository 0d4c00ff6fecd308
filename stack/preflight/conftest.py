"""A copy of the checkout with ports, addresses and a project of its own, and a `docker` that refuses to change anything."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
NEEDED = ["sun", ".env.example", "docker-compose.yml", "docker-compose.dev.yml", "docker-compose.prod.yml", "offline/engine.sh",
          "stack/checks/settings.sh", "stack/checks/machine.sh"]

# Answers as the real one does, except for the versions and the memory that a test asks for. Words that change the
# engine are written down instead of done: what a check lets through that it should not, is seen here and builds nothing.
# With FAKE_RUNNING, all that is built and started is well at once, and these services run.
DOCKER = """#!/bin/sh
[ -z "${FAKE_RUNNING:-}" ] || case " $* " in
  *" build "*|*" up "*|*" ps -a "*|*" image inspect "*) exit 0 ;;
  *" ps --services "*) printf '%s\\n' $FAKE_RUNNING; exit 0 ;;
  *" exec -T rust blazing_sun seed --look "*) [ -z "${FAKE_DEMO:-}" ] || { echo "$FAKE_DEMO"; exit 0; }; echo 'none' >&2; exit 1 ;;
esac
case " $* " in
  *" build "*|*" up "*|*" pull "*|*" rm "*|*" down "*) printf '%s\\n' "$*" >>"$FAKE_CHANGES"; exit 99 ;;
  *" --environment "*) ;;
  *"{{.Server.Version}}"*) [ -z "$FAKE_ENGINE" ] || { echo "$FAKE_ENGINE"; exit 0; } ;;
  *" compose version --short "*) [ -z "$FAKE_COMPOSE" ] || { echo "$FAKE_COMPOSE"; exit 0; } ;;
  *"{{.MemTotal}}"*) [ -z "$FAKE_MEMORY" ] || { echo "$FAKE_MEMORY ${FAKE_CPUS:-2} /"; exit 0; } ;;
esac
exec "$REAL_DOCKER" "$@"
"""


def free_ports(count):
    """Ports nobody listens on: the kernel picks them, all held until the last is known."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@dataclass
class Result:
    code: int
    lines: list
    changes: str

    def refuses(self, *words):
        """One line that says all of it, a failure, and nothing begun."""
        assert self.code != 0, self.lines
        assert len(self.lines) == 1, self.lines
        for word in words:
            assert word in self.lines[0], (word, self.lines[0])
        assert self.changes == "", self.changes


@dataclass
class Checkout:
    folder: pathlib.Path
    bin: pathlib.Path
    project: str
    subnet: str
    fake: dict = field(default_factory=dict)

    def setting(self, name):
        return re.search(rf"(?m)^{name}=(.*)$", (self.folder / ".env.example").read_text())[1]

    def write_env(self, **settings):
        """A .env that differs from the example in the given variables; None leaves one out."""
        text = (self.folder / ".env.example").read_text()
        for name, value in settings.items():
            text = re.sub(rf"(?m)^{name}=.*\n", "" if value is None else lambda _: f"{name}={value}\n", text)
        (self.folder / ".env").write_text(text)

    def snapshot(self):
        return {p.relative_to(self.folder): p.read_bytes() for p in self.folder.rglob("*") if p.is_file()}

    def run(self, command=("./sun", "up"), **environment):
        changes = self.bin / "changes"
        changes.unlink(missing_ok=True)
        env = {
            **os.environ, "BLAZING_SUN_ENGINE": "/nonexistent", "PATH": f"{self.bin}:{os.environ['PATH']}", "REAL_DOCKER": shutil.which("docker") or "docker",
            "FAKE_CHANGES": str(changes), "FAKE_ENGINE": "", "FAKE_COMPOSE": "", "FAKE_MEMORY": "", **self.fake, **environment,
            # Of the test run itself; the project here is the one in this checkout's .env.
            "COMPOSE_PROJECT_NAME": self.project,
        }
        done = subprocess.run(command, cwd=self.folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        return Result(done.returncode, done.stdout.splitlines(), changes.read_text() if changes.exists() else "")

    def up_refuses(self, *words, **options):
        before = self.snapshot()
        self.run(**options).refuses(*words)
        assert self.snapshot() == before, "the checkout was changed"
        return self

    def left_behind(self):
        """Containers, networks and volumes of this project."""
        label = f"label=com.docker.compose.project={self.project}"
        return [
            line
            for kind in (["ps", "-aq"], ["network", "ls", "-q"], ["volume", "ls", "-q"])
            for line in subprocess.check_output(["docker", *kind, "--filter", label], text=True).split()
        ]


@pytest.fixture
def checkout():
    with tempfile.TemporaryDirectory(prefix="sun-") as name:
        # Readable for everybody: one test is nobody.
        root = pathlib.Path(name)
        root.chmod(0o755)
        folder, programs = root / "checkout", root / "bin"
        (folder / "offline").mkdir(parents=True)
        programs.mkdir()
        for path in NEEDED:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / path, folder / path)
        for path, text in ((folder / "offline/images.sh", "#!/bin/sh\n"), (programs / "docker", DOCKER)):
            path.write_text(text)
            path.chmod(0o755)

        project, second = f"sun-preflight-{os.getpid()}", 64 + os.getpid() % 64
        example = (folder / ".env.example").read_text().replace("172.28.", f"10.{second}.")
        names = re.findall(r"(?m)^(\w+_PORT)=", example)
        published = ["DEV_POSTGRES_PORT", "DEV_REDIS_PORT", "DEV_RABBITMQ_PORT"]
        example = re.sub(rf"(?m)^({'|'.join(published)})=.*\n", "", example)
        names = [n for n in names if n not in published] + published
        for name, port in zip(names, free_ports(len(names))):
            example, found = re.subn(rf"(?m)^{name}=.*$", f"{name}={port}", example)
            example += "" if found else f"{name}={port}\n"
        (folder / ".env.example").write_text(example + f"COMPOSE_PROJECT_NAME={project}\n")

        it = Checkout(folder, programs, project, f"10.{second}.0.0/16")
        yield it
        if shutil.which("docker"):
            assert it.left_behind() == []
