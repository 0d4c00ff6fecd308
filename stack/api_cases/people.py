"""The identities that the cases are run as: accounts of their own, which can be recognised wherever they turn up."""

import itertools
import re
import time
import uuid

import requests

import mail_catcher

UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
# What time alone changes in somebody's own answers, and where a stream goes on from, which is sealed anew each time.
PASSING = {"seen_at", "last_used_at", "current", "as_of", "position"}


def is_endless(operation):
    """Whether an answer goes on and on, as a stream of events does: nothing to wait for."""
    return any("text/event-stream" in answer.get("content", {}) for answer in operation["responses"].values())


class Site:
    """The application under test."""

    def __init__(self, base, catcher):
        self.base, self.catcher = base.rstrip("/"), catcher
        self.document = self.ask("GET", "/api/v1/openapi.json").json()

    def ask(self, method, path, headers=None, body=None):
        """A request that is no case; a busy answer is an error."""
        answer = requests.request(method, self.base + path, headers=headers, json=body, timeout=30, allow_redirects=False)
        assert answer.status_code not in (429, 500, 503), f"{method} {path}: {answer.status_code} {answer.text} (THROTTLE_FACTOR must be high)"
        return answer

    def has(self, method, path):
        return method.lower() in self.document["paths"].get(path, {})

    def listings(self):
        """The addresses that only read, end some time, and need nothing to be filled in."""
        return [
            path for path, item in sorted(self.document["paths"].items())
            if "{" not in path and "get" in item and item["get"].get("security") and not is_endless(item["get"])
            and not any(p.get("required") for p in item["get"].get("parameters", []))
        ]


class Nobody:
    """Has no account, and at times forged credentials."""

    name = "anonymous"
    has_account = False

    def __init__(self):
        forged = ({"Cookie": "__Host-session=" + "A" * 43}, {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}, {"Authorization": "Basic QTpC"})
        self._doors = itertools.cycle([{}, *({**door} for door in forged), {}])

    def credentials(self):
        return next(self._doors)

    def renew(self, site):
        """There is nothing to renew."""


class Person:
    """Somebody with an account: a session of a browser and one of a program, and things of their own."""

    has_account = True

    def __init__(self, site, name):
        self.site, self.name = site, name
        self.mark = uuid.uuid4().hex
        self.address = f"{name.lower()}-{self.mark}@example.org"
        self.password = f"{name} and {self.mark[:12]}"
        self.tokens = set()
        body = {"email": self.address, "password": self.password, "name": f"{name} {self.mark}"}
        answer = site.ask("POST", "/api/v1/auth/sign-up", body=body)
        assert answer.status_code == 202, answer.text
        activated = site.ask("POST", "/api/v1/auth/activate", body={"token": self._mailed_token()})
        assert activated.status_code == 200, activated.text
        self.renew(site)
        self.own()

    def _mailed_token(self):
        end = time.monotonic() + 60
        while True:
            for text in mail_catcher.texts(self.site.catcher, self.address):
                (token,) = mail_catcher.tokens(text)
                self.tokens.add(token)
                return token
            assert time.monotonic() < end, f"no mail for {self.name}"
            time.sleep(0.2)

    def renew(self, site):
        """Signs in anew, both ways."""
        self._doors = itertools.cycle([door for kind in ("browser", "client") if (door := self._sign_in(site, kind))])

    def _sign_in(self, site, kind):
        answer = site.ask("POST", "/api/v1/auth/sign-in", body={"email": self.address, "password": self.password, "kind": kind})
        assert answer.status_code == 200, f"{self.name} cannot sign in any more: {answer.status_code} {answer.text}"
        tokens = answer.json().get("tokens")
        if tokens:
            self.tokens |= {tokens["access_token"], tokens["refresh_token"]}
            return {"Authorization": f"Bearer {tokens['access_token']}"}
        cookie = answer.cookies.get("__Host-session")
        if cookie:
            self.tokens.add(cookie)
            return {"Cookie": f"__Host-session={cookie}"}
        return None

    def credentials(self):
        return next(self._doors)

    def is_signed_in(self):
        return self.site.ask("GET", "/api/v1/auth/validate", self.credentials()).status_code == 204

    def own(self):
        """Has one of each kind of thing that a person can make, with the mark in its name."""
        for path, body in {
            "/api/v1/tokens": {"name": self.mark[:20], "scopes": ["profile:read"], "days": 30},
            "/api/v1/profile/email": {"email": f"new-{self.address}"},
            "/api/v1/profile/exports": None,
            "/api/v1/wallets": {"name": self.mark[:20], "kind": "cash", "opening_balance": 1000},
            "/api/v1/categories": {"name": self.mark[:20], "kind": "expense"},
        }.items():
            if self.site.has("POST", path):
                made = self.site.ask("POST", path, self.credentials(), body)
                assert made.ok, f"{path}: {made.status_code} {made.text}"
                if made.text:
                    self.tokens |= {value for key, value in made.json().items() if key in ("token", "secret")}
        # An export takes a moment to be made.
        end, before = time.monotonic() + 60, None
        while (now := self.sees()) != before:
            assert time.monotonic() < end, f"what {self.name} has does not come to rest"
            before = now
            time.sleep(1)

    def sees(self):
        """What the person's own lists hold: the state of the account, as far as the interface tells it."""
        answers = {path: self.site.ask("GET", path, self.credentials()) for path in self.site.listings()}
        return {path: (answer.status_code, _lasting(answer.json() if answer.text else dict(_who(answer)))) for path, answer in answers.items()}

    @property
    def things(self):
        """The ids of all that is the person's."""
        return sorted(set(UUID.findall(str(self.sees()))))

    @property
    def marks(self):
        """By which anything of the person's is recognised in an answer to somebody else."""
        return frozenset({self.mark, self.mark[:20], *self.tokens, *self.things})


def _who(answer):
    return ((name, value) for name, value in answer.headers.items() if name.lower().startswith("x-user-"))


def _lasting(value):
    if isinstance(value, dict):
        return {key: _lasting(inner) for key, inner in value.items() if key not in PASSING}
    return [_lasting(inner) for inner in value] if isinstance(value, list) else value
