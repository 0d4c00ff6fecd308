"""Writes the `.env` of a test world: `.env.example` with addresses and ports that nobody's own stack uses.

    python3 stack/env_file.py CHECKOUT [NAME=value ...]
"""

import os
import pathlib
import sys

# One number of its own for every published port; 172.31.240.0/20 is the end of the private range Docker starts from.
OWN = {
    "DEVNET_SUBNET": "172.31.240.0/20",
    "DEVNET_IP_RANGE": "172.31.248.0/21",
    "DEVNET_GATEWAY": "172.31.240.1",
    "RUST_IP": "172.31.240.10",
    "POSTGRES_IP": "172.31.240.11",
    "NGINX_IP": "172.31.240.12",
    "REDIS_IP": "172.31.240.13",
    "RABBITMQ_IP": "172.31.240.14",
    "PROMETHEUS_IP": "172.31.240.15",
    "GRAFANA_IP": "172.31.240.16",
    "KAFKA_IP": "172.31.240.17",
    "KAFKA_UI_IP": "172.31.240.18",
    "PGADMIN_IP": "172.31.240.19",
    "APP_URL": "https://localhost:20443",
    "HTTP_PORT": "20080",
    "HTTPS_PORT": "20443",
    "DEV_APP_PORT": "29999",
    "DEV_POSTGRES_PORT": "24432",
    "DEV_REDIS_PORT": "24379",
    "DEV_RABBITMQ_PORT": "24672",
    "KAFKA_HOST_PORT": "29094",
    "RABBITMQ_MANAGEMENT_PORT": "24673",
    "KAFKA_UI_PORT": "28080",
    "PGADMIN_PORT": "25050",
    "PROMETHEUS_PORT": "29090",
    "MAILPIT_PORT": "28025",
    "JAEGER_PORT": "26686",
    "ALERTMANAGER_PORT": "29193",
    "LOG_STORE_PORT": "29428",
}


def quoted(value: str) -> str:
    """A value as it stands in `.env`, whatever characters it has."""
    if all(c.isalnum() or c in "_-./:@+,${}" for c in value):
        return value
    return '"' + "".join("\\" + c if c in '\\"$' else c for c in value) + '"'


def set_in(checkout: pathlib.Path, values: dict[str, str]) -> None:
    """Sets variables in the `.env` of a checkout, in their places; new ones at the end."""
    path = checkout / ".env"
    left = dict(values)
    lines = []
    for line in path.read_text().splitlines():
        name = line.split("=", 1)[0]
        lines.append(f"{name}={quoted(left.pop(name))}" if name in left else line)
    lines += [f"{name}={quoted(value)}" for name, value in left.items()]
    path.write_text("\n".join(lines) + "\n")


def make(checkout: pathlib.Path, values: dict[str, str]) -> None:
    """Writes the `.env` of a new world."""
    path = checkout / ".env"
    path.write_text((checkout / ".env.example").read_text())
    path.chmod(0o600)
    owner = checkout.stat()
    set_in(checkout, {"HOST_UID": str(owner.st_uid), "HOST_GID": str(owner.st_gid), **OWN, **values})


if __name__ == "__main__":
    if len(sys.argv) < 2 or not os.path.isdir(sys.argv[1]):
        sys.exit(__doc__)
    make(pathlib.Path(sys.argv[1]), dict(pair.split("=", 1) for pair in sys.argv[2:]))
