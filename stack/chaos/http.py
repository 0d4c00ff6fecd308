"""Asks the application, at whichever of its doors answers."""

import itertools

import requests

from chaos.place import PORTS

DOORS = [f"http://127.0.0.1:{port}" for role, port in PORTS.items() if role.startswith("http")]


class Site:
    """Both doors, in turn."""

    def __init__(self, first: int = 0):
        self._doors = itertools.cycle(DOORS[first % 2:] + DOORS[:first % 2])
        self._session = requests.Session()

    def ask(self, method: str, path: str, body=None, headers=None):
        """An answer, or None if the connection gave none: nobody knows then what was done."""
        try:
            return self._session.request(method, next(self._doors) + path, json=body, headers=headers, timeout=(1, 6), allow_redirects=False)
        except requests.RequestException:
            return None
