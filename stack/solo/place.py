"""`./sun solo` as a person runs it: from a copy of the checkout, with a folder of its own for the data."""

import os
import pathlib
import queue
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
# What a person's shell may hold for their own stack.
NOT_HANDED_ON = re.compile(r"(POSTGRES|MAIL|APP|PG)_?.*|PORT|LOG_FORMAT|RUST_LOG|XDG_DATA_HOME|BLAZING_SUN_SOLO")

# Cargo as far as the checks look at it; a build takes for ever, or fails, as the test asks.
CARGO = """#!/bin/sh
[ "$1" != --version ] || { echo "cargo $FAKE_CARGO (of a test)"; exit; }
[ -n "$FAKE_BUILD" ] || exit 101
echo "building as $$"
exec sleep 600
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def alive(pid):
    """Whether a process runs; one that only waits to be taken note of does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(what, true, seconds=60):
    end = time.monotonic() + seconds
    while not (result := true()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.05)
    return result


class Running:
    """A started command, whose output is read line by line."""

    def __init__(self, command, folder, environment):
        self.lines = []
        self.process = subprocess.Popen(command, cwd=folder, env=environment, text=True, start_new_session=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.pid = self.process.pid
        self.coming = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.coming.put(line.rstrip("\n"))
        self.coming.put(None)

    def until(self, words, seconds=60):
        """Reads on to a line with these words; the words None read on to the end."""
        end = time.monotonic() + seconds
        while True:
            try:
                line = self.coming.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"waited {seconds} s for {words!r}\n" + "\n".join(self.lines))
            if line is None:
                assert words is None, f"ended without {words!r}\n" + "\n".join(self.lines)
                return self.lines
            self.lines.append(line)
            if words is not None and words in line:
                return line

    def said(self, words):
        return [line for line in self.lines if words in line]

    def code(self, seconds=60):
        """Reads on to the end of every process that has the output open; the command's exit code."""
        self.until(None, seconds)
        return self.process.wait(10)

    def interrupt(self):
        """Ctrl-C: the whole foreground of the terminal gets it."""
        os.killpg(self.pid, signal.SIGINT)
        return self.code()

    def children(self, name):
        """The processes below this one that run a program of this name."""
        done = subprocess.run(["pgrep", "-x", "-P", str(self.pid), name], text=True, capture_output=True, timeout=60)
        return [int(pid) for pid in done.stdout.split()]

    @property
    def application(self):
        (pid,) = self.children("blazing_sun")
        return pid

    @property
    def postgres(self):
        (pid,) = self.children("postgres")
        return pid


class Solo:
    """A place for one solo: its data, its port, and the copy of the checkout."""

    def __init__(self, root):
        self.root = root
        self.folder = root / "checkout"
        self.home = root / "data"
        self.bin = root / "bin"
        self.port = free_port()
        self.started = []
        self.bin.mkdir()
        # Only links to the sources, so that the build is that of the checkout.
        self.folder.mkdir()
        shutil.copy(REPOSITORY / "sun", self.folder)
        for name in ("solo", "stack"):
            shutil.copytree(REPOSITORY / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        (self.folder / "blazing_sun").symlink_to(REPOSITORY / "blazing_sun")

    def environment(self, **changed):
        kept = {name: value for name, value in os.environ.items() if not NOT_HANDED_ON.fullmatch(name)}
        wanted = {**kept, "BLAZING_SUN_SOLO": self.home, "PORT": self.port, **changed}
        return {name: str(value) for name, value in wanted.items() if value is not None}

    def start(self, *words, command=("./sun", "solo"), **changed):
        running = Running([*command, *words], self.folder, self.environment(**changed))
        self.started.append(running)
        return running

    def ready(self, **changed):
        running = self.start(**changed)
        # The first one may have to compile everything.
        running.until("sun: ready after", 1500)
        running.until("Ctrl-C")
        return running

    def refuses(self, *words, lines=1, **options):
        """One line that says all of it, and a failure."""
        running = self.start(**options)
        code = running.code()
        assert code != 0 and len(running.lines) == lines, (code, running.lines)
        for word in words:
            assert word in running.lines[0], (word, running.lines[0])
        return running

    def with_fake_cargo(self, version="1.999.0", build=""):
        fake = self.bin / "cargo"
        fake.write_text(CARGO)
        fake.chmod(0o755)
        return {"PATH": f"{self.bin}:{os.environ['PATH']}", "FAKE_CARGO": version, "FAKE_BUILD": build}

    def without(self, *programs):
        """A PATH with everything the machine has, but these programs."""
        links = self.root / "without"
        links.mkdir()
        for folder in ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"):
            for program in pathlib.Path(folder).glob("*"):
                if program.name not in programs and not (links / program.name).exists():
                    (links / program.name).symlink_to(program)
        return str(links)

    def sql(self, query, user="app", check=True):
        """Asks the private database, as a person would with psql."""
        psql = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/psql"))
        program = str(psql[-1]) if psql else "psql"
        done = subprocess.run(
            [program, "-h", "127.0.0.1", "-p", (self.home / "port").read_text(), "-U", user, "-d", "blazing_sun", "-Atc", query],
            env={**os.environ, "PGPASSWORD": (self.home / "secrets/postgres_password").read_text()}, text=True, capture_output=True, timeout=60,
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout.strip() if check else done

    def close(self):
        for running in self.started:
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGTERM)
                running.code()
