# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two people do two things to one request at the same moment, on the real broker: one of them wins, the
other is told who did, and the ledger has what was acknowledged. The order and the distance of the calls
are drawn by the seed."""

import collections
import re
import time
from pathlib import Path

import pytest

import arena as arenas
from arena import ROUND, Arena, Call, account

SHORT, LONG = 200, 10_000

MS = 1_000_000
# Between one race of a round and the next, and before the first.
GAP, LEAD = 2 * MS, 10 * MS
# Around the end of time.
NEAR = 40 * MS


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
    """Waits for the begin of a second, where time itself takes part; when it will do so, or None. What
    lapses does it by the wall clock's second, what ends by the boot clock's too, if that is sooner."""
    if kind not in ("lapse", "end"):
        return None
    second = 1000 * MS
    now = time.time_ns()
    begin = now // second * second + second
    if kind == "lapse":
        end = begin + second
    else:
        boot = (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - now) % second
        ticks = sorted(tick for whole in range(3)
                       for tick in (begin + whole * second, begin + whole * second + second - boot))
        begin, end = next((one, two) for one, two in zip(ticks, ticks[1:]) if two - one >= second / 2)
    time.sleep((begin - time.time_ns()) / 1e9 + 0.001)
    return end


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
    """Some races of a kind: {number: the racer's client}, {number: calls}."""
    kind, approver, calls = RACES[name]
    crew = arenas.CREW if kind in ("lapse", "end") else arenas.CREW[:2 if kill else 1]
    for role in crew:
        arena.next_person(role)
    end = on_the_clock(kind)
    owners, digests = {}, {}
    for role in crew:
        shown = arena.request(kind, role)
        digests |= shown
        owners |= dict.fromkeys(shown, role)
    if approver:
        arena.must([arena.call(approver, "Approve", number, digests) for number in owners])
    ids = list(owners)
    arena.dice.shuffle(ids)
    races, begin = {}, time.time_ns() + LEAD
    for race, number in enumerate(ids):
        when = end + round(arena.dice.uniform(-NEAR, NEAR)) if end else begin + race * GAP
        races[number] = [arena.call(owners[number] if who == "racer" else who, method, number,
                                    digests, when + delay(arena.dice)) for who, method in calls]
    meanwhile = None
    if kill:
        times = [call.when for race in races.values() for call in race]
        moment = arena.dice.randint(min(times) - 2 * MS, max(times) + 2 * MS)

        def meanwhile():
            arena.kill_at(moment)
    arena.run([call for race in races.values() for call in race], meanwhile)
    return owners, races


def judge(arena, name, owners, races, outcomes):
    histories = arena.read()
    quorum = 2 if RACES[name][0] == "two" else 1
    approver = RACES[name][1]
    for number in owners:
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
    arena.clear(owners)
    return len(owners)


# Where different things meet, each must have had the last word sometimes.
WINNERS = {
    "approve-deny": ("started", "denied"), "approve-cancel": ("started", "cancelled"),
    "deny-cancel": ("denied", "cancelled"), "approve-approve-deny-of-two": ("started", "denied"),
    "approve-revoke": ("revoked", "started"), "approve-lapse": ("started", "lapsed"),
    "deny-cancel-lapse": ("denied", "lapsed"), "revoke-checkin": ("revoked", "returned"),
    "revoke-end": ("revoked", "expired"), "checkin-end": ("returned", "expired"),
}


def missing(outcomes, winners):
    return [winner for winner in winners
            if not any(outcome.endswith(winner) for outcome in outcomes)]


def run(arena, name, count, kill, winners=()):
    """At least `count` races; more until each winner was seen, which a busy machine takes longer for."""
    outcomes, done = collections.Counter(), 0
    while done < count or (missing(outcomes, winners) and done < 20 * count):
        done += judge(arena, name, *run_round(arena, name, kill), outcomes)
    print(dict(outcomes))
    return outcomes


@pytest.mark.parametrize("name", RACES)
def test_race(arena, count, name):
    winners = WINNERS.get(name, ())
    outcomes = run(arena, name, count, False, winners)
    assert not missing(outcomes, winners), outcomes


@pytest.mark.parametrize("name", RACES)
def test_race_against_a_killed_broker(arena, count, name):
    run(arena, name, count, kill=True)
    assert arena.killed


def test_two_people_and_an_exclusive_account(arena, count):
    """Both requests were filed in time, and both are approved at the same moment."""
    first, second = arenas.CREW[:2]
    outcomes = collections.Counter()
    for _ in range(0, count, ROUND):
        for role in (first, second):
            arena.next_person(role)
        left, right = arena.request("sole", first), arena.request("sole", second)
        pairs = list(zip(left, right))
        begin = time.time_ns() + LEAD
        calls = [arena.call(who, "Approve", number, {**left, **right},
                            begin + race * GAP + delay(arena.dice))
                 for race, pair in enumerate(pairs) for who, number in zip(("bob", "carol"), pair)]
        arena.run(calls)
        histories, by_id = arena.read(), {call.id: call for call in calls}
        for pair in pairs:
            states = [arena.check_history(number, histories[number], 1) for number in pair]
            assert sorted(states) == ["active", "pending"]
            winner, loser = sorted(pair, key=lambda number: states[pair.index(number)])
            holder = arena.name((first, second)[pair.index(winner)])
            assert by_id[winner].ok
            assert by_id[loser].ours == "PolicyRefused"
            assert re.search(rf"is checked out to {holder} until .* \(number {winner}\)",
                             by_id[loser].text), by_id[loser].text
            outcomes[pair.index(winner)] += 1
        arena.clear({**dict.fromkeys(left, first), **dict.fromkeys(right, second)})
    print(dict(outcomes))
    assert len(outcomes) == 2, outcomes


def test_one_request_filed_twice(arena, count):
    """By two programs of one person at the same moment: it is one request."""
    first, second = arenas.CREW[:2]
    for _ in range(0, count, ROUND):
        arena.next_person(first)
        arena.clients[second].be(arena.clients[first].uid)
        begin = time.time_ns() + LEAD
        pairs = [[Call(role, "Request", 0, (f"s:{account('one', race)}", "{", "}"),
                       begin + race * GAP + delay(arena.dice)) for role in (first, second)]
                 for race in range(ROUND)]
        arena.must([call for pair in pairs for call in pair])
        histories = arena.read()
        ids = [int(one.values[0]) for one, two in pairs if one.values == two.values]
        assert len(set(ids)) == ROUND, "two requests for one thing"
        for number in ids:
            assert [record["event"] for record in histories[number]] == ["requested"]
        arena.clear(dict.fromkeys(ids, first))
