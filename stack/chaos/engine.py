"""Containers: killed, stopped in their tracks, started."""

import subprocess

from chaos.place import PROJECT

CONTAINERS = {"mail": "mailpit"}


def name(service: str) -> str:
    """The container of a service or of a copy of a part."""
    return f"{PROJECT}-{CONTAINERS.get(service, service)}-1"


def docker(*words: str, check: bool = True, timeout: float = 60) -> str:
    """What a command of the engine prints."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise RuntimeError(f"docker {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout + done.stderr


def kill(*services: str) -> None:
    """SIGKILL to everything in the containers."""
    docker("kill", *map(name, services), check=False)


def start(*services: str) -> None:
    """Starts containers that are not running."""
    docker("start", *map(name, services))


def restart(service: str) -> None:
    """An orderly end, and a new start."""
    docker("restart", name(service), timeout=120)


def pause(*services: str) -> None:
    """Stops every process of the containers where it is: what SIGSTOP is to one process."""
    docker("pause", *map(name, services), check=False)


def resume(*services: str) -> None:
    """Lets them go on."""
    docker("unpause", *map(name, services), check=False)


def states(services) -> dict[str, str]:
    """running, paused, exited, created."""
    lines = docker("inspect", "--format", "{{.Name}} {{.State.Status}}", *map(name, services), check=False).splitlines()
    found = dict(line.lstrip("/").split() for line in lines if line.startswith("/"))
    return {service: found.get(name(service), "absent") for service in services}


def logs(service: str, since: str) -> str:
    """What a container has printed since a moment."""
    return docker("logs", "--since", since, name(service), check=False)
