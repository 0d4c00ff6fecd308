"""The proxy between the application and the services (Toxiproxy): connections that end, linger or lead nowhere."""

import json
import urllib.request

from chaos.place import PROXY_PORT, SERVICES


def _ask(method, path, body=None):
    request = urllib.request.Request(
        f"http://127.0.0.1:{PROXY_PORT}{path}", method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "chaos"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def cut(service: str) -> None:
    """Ends all connections and takes no new ones."""
    _ask("POST", f"/proxies/{service}", {"enabled": False})


def mend(service: str) -> None:
    """Takes connections again."""
    _ask("POST", f"/proxies/{service}", {"enabled": True})


def delay(service: str, milliseconds: int) -> None:
    """Has whatever the service says come late."""
    _toxic(service, "latency", "downstream", {"latency": milliseconds, "jitter": milliseconds // 2})


def half_open(service: str) -> None:
    """Connections stay, and nothing comes through either way; nobody is told."""
    for stream in ("upstream", "downstream"):
        _toxic(service, "timeout", stream, {"timeout": 0})


def reset(service: str) -> None:
    """Ends all connections as if the machine behind them did not know them."""
    _toxic(service, "reset_peer", "downstream", {"timeout": 0})


def heal(service: str) -> None:
    """Takes back all but a cut."""
    for toxic in json.loads(_ask("GET", f"/proxies/{service}/toxics")):
        _ask("DELETE", f"/proxies/{service}/toxics/{toxic['name']}")


def heal_all() -> None:
    """Everything comes through again."""
    for service in SERVICES:
        heal(service)
        mend(service)


def _toxic(service, kind, stream, attributes):
    _ask("POST", f"/proxies/{service}/toxics", {"name": f"{kind}_{stream}", "type": kind, "stream": stream, "toxicity": 1.0, "attributes": attributes})
