"""Fault runs: `./sun chaos --runs N --seed S`. See README.md."""

import argparse
import pathlib
import sys

from chaos.figures import measure
from chaos.plan import plan
from chaos.report import head, line
from chaos.run_one import run
from chaos.world import prepare

MISTAKES = ("skip-inbox", "acknowledge-first", "emit-apart", "watermark", "ignore-epoch", "store-first")


def main() -> None:
    """Runs seeds one after another, prints a table, and fails if anything was found."""
    arguments = argparse.ArgumentParser(prog="sun chaos", description=__doc__)
    arguments.add_argument("--runs", type=int, help="how many seeds (5; with a mistake 20 at most)")
    arguments.add_argument("--seed", type=int, default=1, help="the first of them (1)")
    arguments.add_argument("--writes", type=int, default=400, help="how many writes are acknowledged in a run at least (400)")
    arguments.add_argument("--mistake", choices=(*MISTAKES, "all"), help="has the application make a mistake, which must be found")
    arguments.add_argument("--verbose", action="store_true", help="prints every fault and when it came")
    arguments.add_argument("--figures", action="store_true", help="measures takeovers and backlogs instead")
    arguments.add_argument("--plan", action="store_true", help="prints what would be done, and does nothing")
    arguments.add_argument("--home", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    given.runs = given.runs or (20 if given.mistake else 5)
    seeds = range(given.seed, given.seed + given.runs)
    if given.plan:
        for seed in seeds:
            print("\n".join(plan(seed, given.writes).lines()))
        return
    prepare(given.home / "rooms")
    if given.figures:
        measure(given.home / "rooms")
        return
    if given.mistake:
        chosen = MISTAKES if given.mistake == "all" else (given.mistake,)
        missed = [mistake for mistake in chosen if not tried(given, seeds, mistake)]
        sys.exit(f"not found in {given.runs} runs: {', '.join(missed)}" if missed else 0)
    failed = tried(given, seeds)
    print(f"\n{given.runs} runs, {len(failed)} with findings" + (f": seeds {', '.join(map(str, failed))}" if failed else ""))
    sys.exit(1 if failed else 0)


def tried(given, seeds, mistake=None) -> list[int]:
    """Runs the seeds, prints what came of each, and returns those with findings: with a mistake, the first of them."""
    print((f"\n{mistake}\n\n" if mistake else "") + head(), flush=True)
    failed = []
    for seed in seeds:
        outcome = run(plan(seed, given.writes), given.home, mistake)
        print(line(outcome), flush=True)
        if given.verbose:
            print("\n".join([f"      {what}" for what in outcome.done] + [f"      not reached: {what}" for what in outcome.unreached]), flush=True)
        if not outcome.findings.none:
            failed.append(seed)
            for what in outcome.findings.lines():
                print(f"      {what}", flush=True)
            print(f"      evidence: {outcome.evidence}", flush=True)
            if mistake:
                print(f"\n{mistake}: found by seed {seed}", flush=True)
                break
    return failed


if __name__ == "__main__":
    main()
