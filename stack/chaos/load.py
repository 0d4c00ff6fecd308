"""Clients that work, each with records of its own: what it sent, and what it was answered."""

import itertools
import json
import pathlib
import random
import threading
import time
import uuid

import mail_catcher
from chaos.http import Site
from chaos.model import Knowledge, Thing, is_settled
from chaos.place import MAIL_PORT

CATCHER = f"http://127.0.0.1:{MAIL_PORT}"
PASSWORD = "a quiet harbour for fault runs"
# After so many writes somebody looks at their feed.
LOOKS = 20
DAYS = ["2026-01-31", "2026-02-28", "2026-03-01"]


class Acknowledged:
    """How many writes have been acknowledged, by all clients."""

    def __init__(self):
        self._lock, self.count = threading.Lock(), 0

    def add(self) -> None:
        with self._lock:
            self.count += 1


class Client:
    """Somebody with an account and a book of their own, who is alone in changing them."""

    def __init__(self, name: str, seed: str, folder: pathlib.Path, acknowledged: Acknowledged):
        self.name, self.chance = name, random.Random(seed)
        self.acknowledged, self.site = acknowledged, Site(self.chance.randrange(2))
        self.known = Knowledge()
        self.address = f"{name}@example.org"
        self.headers: dict[str, str] = {}
        self.numbers = {"refused": 0, "settled": 0}
        self._number = 0
        self._records = (folder / f"{name}.jsonl").open("w")
        # Before it, nothing is given up; after it, what is unknown stays so.
        self.deadline = float("inf")

    # ---- getting ready

    def sign_up(self) -> None:
        """Opens the account; its mail is on its way."""
        self.write("POST", "/api/v1/auth/sign-up", {"email": self.address, "password": PASSWORD, "name": self.name})
        self.known.sign_ups[self.address] = "acked"

    def move_in(self) -> None:
        """Activates the account, signs in and makes two wallets and a category."""
        end = time.monotonic() + 60
        while not (texts := mail_catcher.texts(CATCHER, self.address)):
            if time.monotonic() > end:
                raise RuntimeError(f"no mail for {self.name}")
            time.sleep(0.2)
        (token,) = mail_catcher.tokens(texts[0])
        self.need("POST", "/api/v1/auth/activate", {"token": token})
        signed_in = self.need("POST", "/api/v1/auth/sign-in", {"email": self.address, "password": PASSWORD, "kind": "client"})
        self.headers = {"Authorization": f"Bearer {signed_in.json()['tokens']['access_token']}"}
        profile = self.need("GET", "/api/v1/profile")
        self.known.profile = Thing(profile.json()["id"], _version(profile), {"name": self.name})
        for name in ("one", "two"):
            body = {"name": name, "kind": "bank", "currency": "EUR", "opening_balance": 100_000, "opening_date": "2026-01-01"}
            made = self.need("POST", "/api/v1/wallets", body).json()
            self.known.wallets[made["id"]] = Thing(made["id"], made["version"], {"name": name, "opening_balance": 100_000})
        self.make_category()
        self.feed()

    def feed(self) -> list[str]:
        """The ids of what the owner is shown, the newest first."""
        ids, page = [], "/api/v1/feed?limit=100"
        while page:
            shown = self.need("GET", page).json()
            ids += [item["id"] for item in shown["items"]]
            page = shown.get("next") and f"/api/v1/feed?limit=100&after={shown['next']}"
        return ids

    def need(self, method, path, body=None):
        """A request without which nothing begins."""
        answer = self.write(method, path, body)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    # ---- working

    def work(self, stop: threading.Event) -> None:
        """Does one thing after another."""
        whats = [self.make_transaction] * 5 + [self.make_transfer] * 2 + [self.change_transaction] * 4 + [self.delete_transaction] * 2 + [
            self.make_category, self.change_category, self.delete_category, self.change_profile, self.change_profile, self.somebody_signs_up,
            self.somebody_signs_up, self.be_refused]
        for number in itertools.count():
            if stop.is_set():
                return
            self.chance.choice(whats)()
            if number % LOOKS == LOOKS - 1:
                # So that it is in Redis, or was; whether an answer comes is all the same here.
                self.site.ask("GET", "/api/v1/feed", headers=self.headers)

    def make_transaction(self):
        wallet, amount = self.chance.choice(list(self.known.wallets)), self.chance.randrange(-5000, 5000) or 1
        category = self._some(self.known.categories)
        note = self._mark()
        body = {"date": self.chance.choice(DAYS), "note": note, "wallet_id": wallet, "amount": amount, "category_id": category and category.id}
        self._make_transaction(body, {"note": note, "date": body["date"], "entries": {wallet: amount}, "category": body["category_id"]})

    def make_transfer(self):
        one, two = self.known.wallets
        amount, note = self.chance.randrange(1, 5000), self._mark()
        entries = [{"wallet_id": one, "amount": -amount}, {"wallet_id": two, "amount": amount}]
        body = {"date": self.chance.choice(DAYS), "note": note, "entries": entries, "lines": []}
        self._make_transaction(body, {"note": note, "date": body["date"], "entries": {one: -amount, two: amount}, "category": None})

    def _make_transaction(self, body, content):
        answer = self.write("POST", "/api/v1/transactions", body, key=str(uuid.UUID(int=self.chance.getrandbits(128), version=4)))
        if answer is None:
            self.known.unknown.add(content["note"])
        elif answer.status_code == 201:
            made = answer.json()
            self.known.transactions[made["id"]] = Thing(made["id"], made["version"], content)
        else:
            self._contradiction(answer, f"a transaction was refused that is right: {content}")

    def change_transaction(self):
        thing = self._some(self.known.transactions)
        if thing is None:
            return
        note, wallet, amount = self._mark(), self.chance.choice(list(self.known.wallets)), self.chance.randrange(-5000, 5000) or 1
        content = {"note": note, "date": self.chance.choice(DAYS), "entries": {wallet: amount}, "category": None}
        body = {"date": content["date"], "note": note, "wallet_id": wallet, "amount": amount}
        self._change("PUT", f"/api/v1/transactions/{thing.id}", body, thing, content, "note")

    def delete_transaction(self):
        thing = self._some(self.known.transactions)
        if thing is not None:
            self._delete(f"/api/v1/transactions/{thing.id}", thing)

    def make_category(self):
        name = self._mark()
        answer = self.write("POST", "/api/v1/categories", {"name": name, "kind": "expense"}, key=str(uuid.UUID(int=self.chance.getrandbits(128), version=4)))
        if answer is None:
            self.known.unknown.add(name)
        elif answer.status_code == 201:
            made = answer.json()
            self.known.categories[made["id"]] = Thing(made["id"], made["version"], {"name": name})
        else:
            self._contradiction(answer, f"a category was refused that is right: {name}")

    def change_category(self):
        thing = self._some(self.known.categories)
        if thing is not None:
            name = self._mark()
            self._change("PATCH", f"/api/v1/categories/{thing.id}", {"name": name}, thing, {"name": name}, "name")

    def delete_category(self):
        used = {transaction.content["category"] for transaction in self.known.transactions.values() if not transaction.deleted}
        used |= {transaction.maybe[0]["category"] for transaction in self.known.transactions.values() if transaction.maybe and transaction.maybe[0]}
        free = {id: thing for id, thing in self.known.categories.items() if id not in used}
        thing = self._some(free)
        if thing is not None:
            self._delete(f"/api/v1/categories/{thing.id}", thing)

    def change_profile(self):
        name = self._mark()
        self._change("PATCH", "/api/v1/profile", {"name": name}, self.known.profile, {"name": name}, "name")

    def somebody_signs_up(self):
        address = f"{self._mark()}@example.org"
        answer = self.write("POST", "/api/v1/auth/sign-up", {"email": address, "password": PASSWORD, "name": self.name})
        self.known.sign_ups[address] = "unknown" if answer is None else "acked"
        if self.was_unknown:
            self.known.repeated.add(address)
        if answer is not None and answer.status_code != 202:
            self._contradiction(answer, f"a sign-up was refused that is right: {address}")

    def be_refused(self):
        """Something that must not be done: of an old version, in a wallet of nobody, with a bad password."""
        mark = self._mark()
        self.known.refused.add(mark)
        what = self.chance.randrange(3)
        thing = self._some(self.known.transactions)
        if what == 0 and thing is not None:
            body = {"date": DAYS[0], "note": mark, "wallet_id": next(iter(self.known.wallets)), "amount": 1}
            answer = self.write("PUT", f"/api/v1/transactions/{thing.id}", body, match=thing.version + 1)
        elif what == 1:
            answer = self.write("POST", "/api/v1/auth/sign-up", {"email": f"{mark}@example.org", "password": "short", "name": self.name})
            self.known.sign_ups[f"{mark}@example.org"] = "refused"
        else:
            body = {"date": DAYS[0], "note": mark, "wallet_id": str(uuid.UUID(int=self.chance.getrandbits(128), version=4)), "amount": 1}
            answer = self.write("POST", "/api/v1/transactions", body)
        if answer is not None and answer.ok:
            self._contradiction(answer, f"what has to be refused was done: {mark}")

    # ---- what an answer means

    def _change(self, method, path, body, thing, content, mark):
        answer = self.write(method, path, body, match=thing.version)
        if answer is None:
            thing.maybe = (content, False)
        elif answer.status_code == 200:
            thing.version, thing.content = _version(answer), content
        elif answer.status_code == 412 and self.was_unknown:
            # An earlier try of it was done, or something is wrong: whoever reads it knows.
            found = self.write("GET", path)
            if found is None:
                thing.maybe = (content, False)
            elif found.ok and found.json()[mark] == content[mark] and _version(found) == thing.version + 1:
                thing.version, thing.content = _version(found), content
                self.acknowledged.add()
            else:
                self._contradiction(found, f"{path} is not what was made of version {thing.version}: {content}")
        else:
            self._contradiction(answer, f"{path} was not changed from version {thing.version}")

    def _delete(self, path, thing):
        answer = self.write("DELETE", path, match=thing.version)
        if answer is None:
            thing.maybe = (thing.content, True)
        elif answer.status_code == 204 or answer.status_code == 404 and self.was_unknown:
            thing.deleted = True
        else:
            self._contradiction(answer, f"{path} was not deleted at version {thing.version}")

    def _contradiction(self, answer, what):
        self.known.contradictions.append(f"{self.name}: {what} ({answer.status_code} {answer.text[:200]})")

    # ---- sending

    def write(self, method, path, body=None, match=None, key=None):
        """Sends a request until an answer says what became of it; None if none did before the deadline."""
        headers = dict(self.headers)
        if match is not None:
            headers["If-Match"] = f'"{match}"'
        if key is not None:
            headers["Idempotency-Key"] = key
        self._number += 1
        self._note(number=self._number, sent=[method, path, body, headers.get("If-Match"), key])
        self.was_unknown = False
        while True:
            answer = self.site.ask(method, path, body, headers)
            status = None if answer is None else answer.status_code
            if is_settled(status) and not (status == 409 and key is not None and "busy" in answer.text):
                break
            self._note(number=self._number, unknown=status)
            self.was_unknown = True
            if time.monotonic() > self.deadline:
                return None
            time.sleep(0.2)
        self._note(number=self._number, answered=status, body=answer.text[:300])
        if self.was_unknown:
            self.numbers["settled"] += 1
        if answer.ok and method != "GET":
            self.acknowledged.add()
        elif method != "GET":
            self.numbers["refused"] += 1
        return answer

    def _note(self, **what):
        self._records.write(json.dumps({"at": round(time.time(), 3), **what}) + "\n")
        self._records.flush()

    def _mark(self):
        self._number += 1
        return f"{self.name}-{self._number:06}"

    def _some(self, things):
        """One that is there, and about which nothing is unknown."""
        there = [thing for thing in things.values() if not thing.deleted and thing.maybe is None]
        return self.chance.choice(there) if there else None


def _version(answer):
    return int(answer.headers["ETag"].removeprefix("W/").strip('"'))
