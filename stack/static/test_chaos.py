"""The parts of the fault runs that need no world: what a seed does, and what counts as lost, twice or out of order."""

import re

from chaos.model import Knowledge, Thing, gaps, inversions, is_settled, overtakers
from chaos.plan import NEVER_SOLO, POINTED, POINTS, TIMED, plan
from repository import ROOT, files, read


def test_the_same_seed_has_the_same_faults_at_the_same_points():
    for seed in range(50):
        assert plan(seed) == plan(seed)
        assert list(plan(seed).lines()) == list(plan(seed).lines())


def test_other_seeds_have_other_faults():
    assert len({(plan(seed).timed, plan(seed).pointed) for seed in range(1000)}) == 1000


def test_thirty_seeds_have_every_fault():
    plans = [plan(seed) for seed in range(1, 31)]
    timed = {(fault.kind, fault.target.rsplit("-", 1)[0]) for one in plans for fault in (timed.fault for timed in one.timed)}
    assert {(kind, target) for kind, target in TIMED} <= timed
    assert {pointed.point for one in plans for pointed in one.pointed} == set(POINTS)
    assert sum(len(one.pointed) for one in plans) >= 0.8 * len(POINTED)


def test_faults_come_in_their_order_before_the_load_ends():
    for seed in range(200):
        ats = [timed.at for timed in plan(seed).timed]
        assert ats == sorted(ats) and all(0 < at < plan(seed).writes for at in ats)


def test_without_brokers_none_is_killed():
    solos = [plan(seed) for seed in range(200) if plan(seed).solo]
    assert solos and not [fault for one in solos for fault in [t.fault for t in one.timed] + [p.fault for p in one.pointed] if fault.target in NEVER_SOLO]


def test_every_point_is_in_the_code_and_every_one_of_the_code_is_tried():
    code = "".join(path.read_text() for path in files() if path.is_relative_to(ROOT / "blazing_sun/src") and path.suffix == ".rs")
    assert set(re.findall(r'faults::point\("([a-z.]+)"\)', code)) == set(POINTS)


def test_every_mistake_of_the_code_is_tried():
    code = set(re.findall(r'"mistake\.([a-z-]+)"', read("blazing_sun/src/flow/faults.rs")))
    (listed,) = re.findall(r"(?m)^MISTAKES = \((.*)\)$", read("stack/chaos/__main__.py"))
    assert code == set(re.findall(r'"([a-z-]+)"', listed))


def test_no_image_that_is_shipped_has_faults():
    assert "\ndefault = " not in read("blazing_sun/Cargo.toml")
    for path in files():
        if path.is_relative_to(ROOT / "rust") or path.name.startswith("docker-compose") or path.is_relative_to(ROOT / "solo"):
            assert not re.search(r"--all-features|--features[= ]\S*chaos", path.read_text(errors="replace")), path


# ---- what counts


def test_an_event_that_comes_again_is_no_inversion():
    assert inversions([("a", 1, "x"), ("a", 2, "y"), ("b", 1, "z"), ("a", 1, "x"), ("a", 2, "y"), ("a", 3, "w")]) == []


def test_an_event_before_an_earlier_one_is_an_inversion():
    assert len(inversions([("a", 2, "y"), ("a", 1, "x")])) == 1


def test_an_effect_before_that_of_an_earlier_event_is_an_inversion():
    assert overtakers([("c", "a", 1, 10), ("c", "a", 2, 10), ("c", "b", 1, 5), ("d", "a", 1, 12), ("d", "a", 2, 13)]) == []
    assert len(overtakers([("c", "a", 1, 10), ("c", "a", 2, 9), ("c", "a", 3, 11)])) == 1


def test_an_aggregate_lacks_the_events_of_versions_that_have_none():
    assert gaps({"a": [1, 3]}, {"a": 3})[0] == ["a: no event of version [2] of 3"]
    assert gaps({}, {"a": 1})[0] == ["a: no event of version [1] of 1"]
    assert gaps({"a": [1, 2]}, {"a": 2}) == ([], [])


def test_two_events_of_a_version_and_one_of_none_are_too_many():
    assert gaps({"a": [1, 1]}, {"a": 1})[1] and gaps({"a": [1, 2]}, {"a": 1})[1]


def test_only_an_answer_settles():
    assert [status for status in (None, 200, 201, 204, 404, 408, 409, 412, 422, 429, 500, 503) if is_settled(status)] == [200, 201, 204, 404, 409, 412, 422]


def test_balances_are_what_was_moved_and_not_deleted():
    known = Knowledge(wallets={"w": Thing("w", 1, {"opening_balance": 100})})
    known.transactions["a"] = Thing("a", 1, {"entries": {"w": -30}})
    known.transactions["b"] = Thing("b", 1, {"entries": {"w": 5}}, deleted=True)
    assert known.balances() == {"w": 70} and known.certain
    known.transactions["a"].maybe = ({"entries": {"w": 1}}, False)
    assert not known.certain
