"""Generated cases over the whole interface, as nobody, as A and as B.

    python -m api_cases http://localhost:9999 --mails http://localhost:8025 --cases 20000

The requests come from the OpenAPI document (Schemathesis), valid ones and broken ones; some of A's name B's things, and the
other way round. No answer may be a 5xx, undocumented, or of another form than the document says; none may show anything of
somebody else; and nothing that one does may change the other's account. The application must run with a high THROTTLE_FACTOR,
and its mails must be readable: at the catcher's address, or in MAIL_FOLDER.
"""

import argparse
import sys
import time

from api_cases.cases import Run
from api_cases.people import Nobody, Person, Site

# Here people read what others tried with their address.
TOLD = {"/api/v1/feed"}


def main():
    parser = argparse.ArgumentParser("api_cases", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="the application's address, past nginx, which would tell this many requests to wait")
    parser.add_argument("--mails", required=True, help="the catcher's address, or a folder")
    parser.add_argument("--cases", type=int, default=1500, help="for all three together (1500)")
    parser.add_argument("--seed", type=int, default=1, help="another number, other cases")
    arguments = parser.parse_args()

    site = Site(arguments.base, arguments.mails)
    a, b = Person(site, "A"), Person(site, "B")
    findings, spare = {}, ThrowAway(site)
    for who, others in ((Nobody(), [a, b]), (a, [b]), (b, [a])):
        began = time.monotonic()
        before = {other.name: other.sees() for other in others}
        run = Run(site, who, others, spare, findings)
        run.go(arguments.cases // 3, arguments.seed)
        for other in others:
            after = other.sees()
            changed = [path for path, answer in before[other.name].items() if after[path] != answer and path not in TOLD]
            if changed:
                told = "\n    ".join(f"{path}: {before[other.name][path]}\n    {path}: {after[path]}" for path in changed)
                findings[f"cases of {who.name}", f"changed the account of {other.name}", 0] = told
        said = ", ".join(f"{status}: {count}" for status, count in sorted(run.statuses.items()))
        print(f"{who.name}: {run.count} cases over {len(run.operations)} operations in {time.monotonic() - began:.0f} s ({said})", flush=True)
    for (label, what, status), request in findings.items():
        print(f"\n{label}: {what} ({status})\n    {request}")
    print(f"\n{len(findings)} findings with --seed {arguments.seed}")
    sys.exit(1 if findings else 0)


class ThrowAway:
    """An account for whoever is about to end theirs: signed in anew each time, and another one when it is gone."""

    def __init__(self, site):
        self.site, self.person = site, None

    def __call__(self, who):
        if not who.has_account:
            return who
        try:
            if self.person:
                self.person.renew(self.site)
                return self.person
        except AssertionError:
            pass
        self.person = Person(self.site, "C")
        return self.person


if __name__ == "__main__":
    main()
