"""Where fault runs happen: names, addresses and ports that neither a person's stack nor the test stack has.

    python3 -m chaos.place CHECKOUT BINARY ROOMS      writes the `.env` of the world
"""

import pathlib
import sys

import env_file

PROJECT = "rust-chaos"
PARTS = ("http", "relay", "worker", "consumers", "schedule")
COPIES = (1, 2)
ROLES = tuple(f"{part}-{copy}" for part in PARTS for copy in COPIES)
SERVICES = ("postgres", "redis", "rabbitmq", "kafka", "mail")

PROXY_PORT = 18474
PORTS = {role: 18001 + number for number, role in enumerate(ROLES)}
# Past the proxy, for who looks at what came of it all.
POSTGRES_PORT, RABBITMQ_PORT, MAIL_PORT, KAFKA_PORT = 21432, 21673, 25025, 26094

APP_KEY = "for_fault_runs_only_0123456789abcdef"
PASSWORDS = {"POSTGRES_PASSWORD": "app", "REDIS_PASSWORD": "redis_secret_password", "RABBITMQ_PASSWORD": "rabbitmq_secret_password"}


def variables(binary: str, rooms: str) -> dict[str, str]:
    """What the world's `.env` says differently from `.env.example`."""
    elsewhere = {
        name: value.replace("172.31.240.", "172.31.224.").replace("172.31.248.", "172.31.232.") if not value.isdigit() else str(int(value) - 3000)
        for name, value in env_file.OWN.items()
    }
    own = {
        "DEV_POSTGRES_PORT": str(POSTGRES_PORT), "RABBITMQ_MANAGEMENT_PORT": str(RABBITMQ_PORT), "MAILPIT_PORT": str(MAIL_PORT),
        "KAFKA_HOST_PORT": str(KAFKA_PORT), "APP_KEY": APP_KEY, **PASSWORDS,
        "COMPOSE_FILE": "docker-compose.yml:docker-compose.dev.yml:stack/chaos/compose.yml", "COMPOSE_PROFILES": "mailpit",
        "TOXIPROXY_IMAGE": "ghcr.io/shopify/toxiproxy:2.12.0",
        "CHAOS_PROXY_PORT": str(PROXY_PORT), "CHAOS_BINARY": binary, "CHAOS_ROOMS": rooms,
    }
    ports = {f"CHAOS_PORT_{role.replace('-', '_').upper()}": str(port) for role, port in PORTS.items()}
    return {**elsewhere, **own, **ports}


def room(rooms: pathlib.Path, role: str) -> pathlib.Path:
    """The folder by which a process is told things, and tells where it stands."""
    return rooms / f"room-{role}"


def make(checkout: str, binary: str, rooms: str) -> None:
    """Writes the `.env`, and a folder for every copy of a part, which whoever it runs as may write into."""
    for role in ROLES:
        own = room(pathlib.Path(rooms), role)
        own.mkdir(parents=True, exist_ok=True)
        own.chmod(0o777)
        (own / "settings").touch()
    env_file.make(pathlib.Path(checkout), variables(binary, rooms))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    make(*sys.argv[1:])
