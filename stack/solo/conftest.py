"""A place for each test; what it started has ended before it goes."""

import contextlib
import pathlib
import subprocess
import tempfile

import pytest
from place import Solo


@contextlib.contextmanager
def place():
    # PostgreSQL runs as another user if this is root, and has to get in.
    with tempfile.TemporaryDirectory(prefix="solo-") as name:
        root = pathlib.Path(name)
        root.chmod(0o755)
        it = Solo(root)
        yield it
        it.close()


@pytest.fixture
def fresh():
    """A place without any data yet."""
    with place() as it:
        yield it


@pytest.fixture(scope="session")
def data():
    """What the first start makes before it builds."""
    with place() as it:
        it.start(**it.with_fake_cargo()).code()
        # Processes are killed here, machines are not.
        with (it.home / "postgres/postgresql.auto.conf").open("a") as settings:
            settings.write("fsync = off\n")
        yield it.home


@pytest.fixture
def solo(data):
    """A place that was started before."""
    with place() as it:
        subprocess.run(["cp", "-a", data, it.home], check=True, timeout=60)
        yield it
