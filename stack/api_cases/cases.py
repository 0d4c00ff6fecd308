"""One identity runs generated cases over every operation of the document, and each answer is checked."""

import collections
import itertools
import random

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup

from api_cases.people import is_endless

CHECKED = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance", "response_schema_conformance")

# These end the session, or the account, that they are called with: each case has a throw-away one, and there are few.
ENDING = {"POST /api/v1/auth/sign-out", "POST /api/v1/auth/sign-out-everywhere", "POST /api/v1/profile/deletion"}
ENDING_CASES = 6


class Run:
    """What was asked as one identity, and what was wrong with the answers."""

    def __init__(self, site, who, others, throw_away, findings):
        load_all_checks()
        self.site, self.who, self.others, self.throw_away, self.findings = site, who, others, throw_away, findings
        self.marks = frozenset().union(*(other.marks for other in others))
        self.things = [thing for other in others for thing in other.things]
        self.statuses, self.ending = collections.Counter(), collections.Counter()
        # Each case is signed in as its identity is, and in no other way.
        config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
        operations = [found.ok() for found in schemathesis.openapi.from_dict(site.document, config=config).get_all_operations()]
        self.operations = [operation for operation in operations if not is_endless(operation.definition.raw)]
        self.session = requests.Session()
        self.checks = [CHECKS.get_one(name) for name in CHECKED]

    @property
    def count(self):
        return sum(self.statuses.values())

    def go(self, cases, number):
        """At least so many cases, the same ones for the same number."""
        self.other_methods()
        for turn in itertools.count():
            self.who.renew(self.site)
            for operation in self.operations:
                left = cases - self.count
                if left <= 0:
                    return
                share = max(2, -(-left // (2 * len(self.operations))) if turn == 0 else 10)
                for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                    self.some(operation, mode, share, f"{number} {turn} {self.who.name} {operation.label} {mode.name}")
                self.still_in(operation)

    def some(self, operation, mode, share, name):
        choices = random.Random(name)

        @seed(name)
        @settings(max_examples=share, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def each(case):
            self.one(operation, case, choices)

        try:
            each()
        except Unsatisfiable:
            # Nothing can be wrong with a request that has nothing to fill in.
            assert mode is GenerationMode.NEGATIVE, operation.label

    def one(self, operation, case, choices):
        """Sends a case, some of them with what belongs to somebody else, and checks the answer."""
        who, aimed = self.who, False
        if operation.label in ENDING:
            self.ending[operation.label] += 1
            if self.ending[operation.label] > ENDING_CASES:
                return
            who = self.throw_away(self.who)
        if case.path_parameters and self.things and choices.random() < 0.3:
            case.path_parameters = {name: choices.choice(self.things) for name in case.path_parameters}
            aimed = True
        # Whoever signs up or in, or forgets, types an address; it may be somebody else's, and never comes back.
        if case.path.startswith("/api/v1/auth/") and isinstance(case.body, dict) and "email" in case.body and self.others and choices.random() < 0.2:
            case.body = {**case.body, "email": choices.choice(self.others).address}
        headers = who.credentials()
        if "If-Match" in (case.headers or {}) and choices.random() < 0.5:
            version = self.site.ask("GET", case.formatted_path, headers).headers.get("ETag")
            case.headers = {**case.headers, **({"If-Match": version} if version else {})}
        answer = case.call(base_url=self.site.base, session=self.session, headers=headers, timeout=30)
        self.statuses[answer.status_code] += 1
        self.judge(operation, case, answer, headers)
        needs_sign_in = bool(operation.definition.raw.get("security"))
        if needs_sign_in and answer.status_code == 401 and self.who.has_account:
            self.find(operation.label, "does not know who is signed in", case, answer)
        if needs_sign_in and answer.status_code < 300 and not self.who.has_account:
            self.find(operation.label, "lets everybody in", case, answer)
        if aimed and answer.status_code < 300:
            self.find(operation.label, "reached something of somebody else", case, answer)

    def judge(self, operation, case, answer, headers):
        try:
            case.validate_response(answer, checks=self.checks, headers=headers)
        except FailureGroup as group:
            for failure in group.exceptions:
                self.find(operation.label, f"{failure.title}: {failure.message.splitlines()[0] if failure.message else ''}", case, answer)
        except Failure as failure:
            self.find(operation.label, failure.title, case, answer)
        if "x-request-id" not in {name.lower() for name in answer.headers}:
            self.find(operation.label, "no X-Request-Id", case, answer)
        if answer.status_code == 429:
            self.find(operation.label, "throttled, so less was tried than it seems (THROTTLE_FACTOR)", case, answer)
        text = answer.text + str(answer.headers)
        if any(mark in text for mark in self.marks):
            self.find(operation.label, "shows something of somebody else", case, answer)

    def find(self, label, what, case, answer):
        """Notes what is wrong, once for each operation and kind, with the request that showed it."""
        key = (label, what, answer.status_code)
        if key not in self.findings:
            self.findings[key] = f"as {self.who.name}: {case.as_curl_command(base_url=self.site.base)}\n    {answer.status_code} {answer.text[:300]}"

    def still_in(self, operation):
        """Only the operations that say so end a session."""
        if self.who.has_account and not (self.who.is_signed_in() and self.who.is_signed_in()):
            self.findings.setdefault((operation.label, "ended the session", 401), f"as {self.who.name}")
            self.who.renew(self.site)

    def other_methods(self):
        """What an address does not offer is refused as a problem."""
        for path, item in self.site.document["paths"].items():
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - {name.upper() for name in item}:
                address = path.replace("{", "").replace("}", "")
                answer = requests.request(method, self.site.base + address, headers=self.who.credentials(), timeout=30)
                if answer.status_code not in (404, 405) or "problem+json" not in answer.headers.get("Content-Type", ""):
                    self.findings.setdefault((f"{method} {path}", "is not offered, and answers", answer.status_code), f"as {self.who.name}: {answer.text[:300]}")
