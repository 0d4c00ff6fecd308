"""People at work, for measurements that need something to measure: they sign up, mistype a password, sign in, keep their book and
read it, ask for what is not there. Slow enough for every limit of the site.

    python3 stack/load.py SITE CATCHER SECONDS

SITE     such as https://localhost (its certificate may be self-signed)
CATCHER  where the mails arrive, such as http://localhost:8025
"""

import json
import ssl
import sys
import time
import urllib.error
import urllib.request
import uuid

import mail_catcher

PASSWORD = "a quiet harbour for load runs"
# One sign-up every ten seconds is what one address may do for long.
ROUND = 12


class Person:
    """Somebody with an account of their own."""

    def __init__(self, site, catcher):
        self.site, self.catcher = site, catcher
        self.address, self.headers = f"{uuid.uuid4().hex}@example.org", {}

    def ask(self, method, path, body=None, wanted=(200, 201, 202, 204)):
        """The answer to a call of the interface; another status than was wanted ends the run."""
        headers = {"Content-Type": "application/json", **self.headers}
        if method != "GET":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.site + path, method=method, headers=headers, data=data)
        try:
            with OPENER.open(request, timeout=15) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        if status not in wanted:
            raise RuntimeError(f"{method} {path}: {status} {text.decode(errors='replace')[:500]}")
        return json.loads(text) if text.startswith(b"{") else None

    def sign_up(self):
        self.ask("POST", "/api/v1/auth/sign-up", {"email": self.address, "password": PASSWORD})
        end = time.monotonic() + 30
        while not (mails := mail_catcher.texts(self.catcher, self.address)):
            if time.monotonic() > end:
                raise RuntimeError("no mail came within 30 s")
            time.sleep(0.3)
        self.ask("POST", "/api/v1/auth/activate", {"token": mail_catcher.tokens(mails[0])[0]})

    def sign_in(self):
        # Too many tries are an answer too: others may have tried from this address.
        wrong = {"email": self.address, "password": "not the password"}
        self.ask("POST", "/api/v1/auth/sign-in", wrong, wanted=(401, 429))
        answer = self.ask("POST", "/api/v1/auth/sign-in", {"email": self.address, "password": PASSWORD, "kind": "client"})
        self.headers = {"Authorization": f"Bearer {answer['tokens']['access_token']}"}

    def keep_a_book(self):
        wallet = {"name": "wallet", "kind": "bank", "currency": "EUR", "opening_balance": 100_000, "opening_date": "2026-01-01"}
        wallet = self.ask("POST", "/api/v1/wallets", wallet)["id"]
        for number in range(5):
            body = {"date": "2026-01-31", "note": f"note {number}", "wallet_id": wallet, "amount": -100 - number}
            self.ask("POST", "/api/v1/transactions", body)
            self.ask("GET", "/api/v1/feed")
        self.ask("GET", "/api/v1/transactions")
        self.ask("GET", "/api/v1/wallets")
        self.ask("GET", "/api/v1/nothing-here", wanted=(404,))


def insecure():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))


OPENER = insecure()


def main(site, catcher, seconds):
    end = time.monotonic() + float(seconds)
    while (began := time.monotonic()) < end:
        person = Person(site, catcher)
        person.sign_up()
        person.sign_in()
        person.keep_a_book()
        time.sleep(max(0, ROUND - (time.monotonic() - began)))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
