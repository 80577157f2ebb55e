# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two people do two things to one request at the same moment, on the real broker: one of them wins, the
other is told who did, and the ledger has what was acknowledged. The order and the distance of the calls
are drawn by the seed."""

import collections
import time
from pathlib import Path

import pytest

import arena as arenas
from arena import ROUND, Arena, Call, account

SHORT, LONG = 200, 10_000

MS = 1_000_000
# Between one race of a round and the next, and before the first.
GAP, LEAD = 2 * MS, 10 * MS


@pytest.fixture
def count(long, request):
    """How many interleavings; the long run is for one kind of bus."""
    return LONG if long and request.config.getoption("bus") == "dbus-daemon" else SHORT


@pytest.fixture
def arena(host, dice, request):
    program = Path(request.config.getoption("build")).resolve() / "tests/integration/race_client"
    settings = Path("/etc/pam-checkout/broker.conf")
    before = settings.read_text()
    arenas.set_up(host)
    arena = Arena(host, program, dice)
    yield arena
    arena.close()
    settings.write_text(before)
    print(f"seed {request.config.getoption('seed')}, {arena.killed} times killed")


def delay(dice):
    """Together, close together, or so far apart that the first may be done."""
    return round(dice.choice((0, dice.uniform(-0.3, 0.3), dice.uniform(-2, 2))) * MS)


def on_the_clock(kind):
    """Waits for a whole second where time itself takes part: it lapses and ends by the second."""
    if kind in ("lapse", "end"):
        now = time.time()
        time.sleep(int(now) + 1 - now)
        return (int(now) + 2) * 1000 * MS
    return 0


def aim(arena, race, end):
    """When this race of a round is run: at the end of time if there is one."""
    if end:
        return end + round(arena.dice.uniform(-15, 15) * MS)
    return time.time_ns() + LEAD + race * GAP


RACES = {
    "approve-approve": ("one", None, [("bob", "Approve"), ("carol", "Approve")]),
    "approve-approve-approve-of-two": ("two", None, [(who, "Approve") for who in arenas.APPROVERS]),
    "approve-deny": ("one", None, [("bob", "Approve"), ("carol", "Deny")]),
    "approve-approve-deny-of-two": ("two", None, [("bob", "Approve"), ("carol", "Approve"),
                                                  ("dave", "Deny")]),
    "deny-deny": ("one", None, [("bob", "Deny"), ("carol", "Deny")]),
    "approve-cancel": ("one", None, [("bob", "Approve"), ("racer", "Cancel")]),
    "deny-cancel": ("one", None, [("bob", "Deny"), ("racer", "Cancel")]),
    "approve-revoke": ("one", None, [("bob", "Approve"), ("erin", "Revoke")]),
    "approve-lapse": ("lapse", None, [("bob", "Approve"), ("carol", "Approve")]),
    "deny-cancel-lapse": ("lapse", None, [("carol", "Deny"), ("racer", "Cancel")]),
    "revoke-checkin": ("one", "bob", [("erin", "Revoke"), ("racer", "CheckIn")]),
    "revoke-revoke": ("one", "bob", [("erin", "Revoke"), ("carol", "Revoke")]),
    "revoke-end": ("end", "bob", [("erin", "Revoke"), ("carol", "Revoke")]),
    "checkin-end": ("end", "bob", [("racer", "CheckIn"), ("erin", "Revoke")]),
}


def run_round(arena, name, kill=False):
    """ROUND races of a kind; who has won each, as the events that followed each other."""
    kind, approver, calls = RACES[name]
    arena.next_person()
    end = on_the_clock(kind)
    ids, digests = arena.request(kind)
    if approver:
        arena.must([arena.call(approver, "Approve", number, digests) for number in ids])
    arena.dice.shuffle(ids)
    races, begin = {}, time.time_ns() + LEAD
    for race, number in enumerate(ids):
        when = end + round(arena.dice.uniform(-15, 15) * MS) if end else begin + race * GAP
        races[number] = [arena.call(who, method, number, digests, when + delay(arena.dice))
                         for who, method in calls]
    meanwhile = None
    if kill:
        times = [call.when for race in races.values() for call in race]
        moment = arena.dice.randint(min(times) - 2 * MS, max(times) + 2 * MS)

        def meanwhile():
            arena.kill_at(moment)
    arena.run([call for race in races.values() for call in race], meanwhile)
    arena.clear(ids)
    return ids, races, arena.read()


def judge(arena, name, ids, races, histories, outcomes):
    quorum = 2 if RACES[name][0] == "two" else 1
    approver = RACES[name][1]
    for number in ids:
        history = histories[number]
        arena.check_history(number, history, quorum)
        arena.check_calls(history, races[number])
        begin = 3 if approver else 1
        outcomes[" ".join(record["event"] for record in history[begin:])] += 1
        acknowledged = sum(call.ok for call in races[number])
        if all(call.error not in arenas.UNKNOWN + arenas.NOT_HEARD for call in races[number]):
            # At least one of two that cannot both be refused; never more than may win.
            assert acknowledged >= 1 or {"lapsed", "expired"} & {r["event"] for r in history}
        if name in ("approve-approve", "approve-deny", "deny-deny", "deny-cancel", "approve-cancel",
                    "revoke-checkin", "revoke-revoke", "revoke-end", "checkin-end", "approve-lapse",
                    "deny-cancel-lapse"):
            assert acknowledged <= 1, [str(call) for call in races[number]]
        if name == "approve-approve-approve-of-two":
            assert acknowledged <= 2, [str(call) for call in races[number]]


# Where the same two methods meet there is one outcome; elsewhere each side must have won sometimes.
WINNERS = {
    "approve-deny": ("approved", "denied"), "approve-cancel": ("approved", "cancelled"),
    "deny-cancel": ("denied", "cancelled"), "approve-approve-deny-of-two": ("approved", "denied"),
    "approve-revoke": ("revoked", "returned"), "approve-lapse": ("approved", "lapsed"),
    "deny-cancel-lapse": ("denied", "lapsed"), "revoke-checkin": ("revoked", "returned"),
    "revoke-end": ("revoked", "expired"), "checkin-end": ("returned", "expired"),
}


@pytest.mark.parametrize("name", RACES)
def test_race(arena, count, name):
    outcomes = collections.Counter()
    for _ in range(0, count, ROUND):
        judge(arena, name, *run_round(arena, name), outcomes)
    print(dict(outcomes))
    for winner in WINNERS.get(name, ()):
        assert any(winner in outcome.split() for outcome in outcomes), outcomes


@pytest.mark.parametrize("name", RACES)
def test_race_against_a_killed_broker(arena, count, name):
    outcomes = collections.Counter()
    for _ in range(0, count, ROUND):
        judge(arena, name, *run_round(arena, name, kill=True), outcomes)
    print(dict(outcomes))
    assert arena.killed
