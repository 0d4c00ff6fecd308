"""The mails that came, by the job that each names in its Message-ID."""

import collections
import json
import re
import urllib.error
import urllib.request

from chaos.load import CATCHER

ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def received() -> collections.Counter[str]:
    """How often the mail of each job came: from Mailpit, or its stand-in."""
    try:
        found = [mail["MessageID"] for mail in _ask("GET", "/api/v1/messages?limit=100000")["messages"]]
    except (urllib.error.HTTPError, json.JSONDecodeError):
        found = [mail["messageId"] for mail in _ask("GET", "/email")]
    return collections.Counter(id for message in found for id in ID.findall(message))


def forget() -> None:
    """Throws all mails away."""
    try:
        _ask("DELETE", "/api/v1/messages")
    except (urllib.error.HTTPError, json.JSONDecodeError):
        _ask("DELETE", "/email/all")


def _ask(method, path):
    with urllib.request.urlopen(urllib.request.Request(CATCHER + path, method=method), timeout=20) as answer:
        text = answer.read()
    return json.loads(text) if method == "GET" else None
