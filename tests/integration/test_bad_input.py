# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input to every method that the XML has: an error of ours, nothing changed, nothing aborted."""

import xml.etree.ElementTree as ElementTree

import pytest

from host import quote
from host.bus import NAME, PATH
from host.host import SOURCE

INTERFACE = ElementTree.parse(SOURCE / "common" / f"{NAME}.xml").getroot().find("interface")

BIG = "a" * 65536
LIMIT_SENTENCE = 2048

# Texts that no name, reason or ticket may be.
TEXTS = {
    "empty": "", "blank": " \t ", "64 KiB": BIG, "newline": "a\nb", "return": "a\rb", "tab": "a\tb",
    "escape": "\x1b[31mred", "bell": "\a", "C1": "a\x9b31m", "delete": "a\x7fb",
}
# Texts that are somebody's name, but nobody's here.
STRANGE_NAMES = {"percent": "%n%s%n", "path": "../../etc/shadow", "dash": "-rf", "number": "-1",
                 "uid": "0", "space": "ro ot", "colon": "root:x", "case": "ROOT",
                 "look-alike": "r\u043e\u043et", "right to left": "\u202etoor"}
NUMBERS = {"zero": "uint64 0", "unknown": "uint64 999999", "2^63-1": f"uint64 {2**63 - 1}",
           "2^63": f"uint64 {2**63}", "2^64-1": f"uint64 {2**64 - 1}"}
# The first of each is right; the others have another type than the XML says.
WRONG = {"s": ["uint64 1", "['a']", "<'a'>", "objectpath '/a'", "true"],
         "t": ["'1'", "int64 -1", "uint32 1", "1", "1.5", "<uint64 1>", "[uint64 1]"],
         "u": ["'1'", "int64 -1", "uint64 1", "-1", "1.5", "<uint32 1>", "[uint32 1]"],
         "a{sv}": ["'a'", "['a']", "{'reason': 'a'}", "@a{uv} {}", "<@a{sv} {}>", "uint64 1"]}
RIGHT = {"s": "'root'", "t": "uint64 1", "u": "uint32 1", "a{sv}": "@a{sv} {}"}


def dictionaries():
    """{name: {key: (type, cap)}} of the XML's annotations."""
    found = {}
    for annotation in INTERFACE.iter("annotation"):
        if annotation.get("name").startswith("org.pamcheckout.Dict."):
            keys = (word.split(":") for word in annotation.get("value").split())
            found[annotation.get("name").rpartition(".")[2]] = {
                key: (kind, cap) for key, kind, cap in
                ((word + [None])[:3] for word in keys)}
    return found


DICTIONARIES = dictionaries()


def methods():
    for method in INTERFACE.iter("method"):
        arguments = [arg for arg in method.iter("arg") if arg.get("direction") == "in"]
        yield method.get("name"), arguments


def tuple_of(values):
    return "(" + ", ".join(values) + ("," if len(values) == 1 else "") + ")"


def wrong_signatures():
    """Every method with an argument too few, too many, or of another type."""
    for name, arguments in methods():
        types = [argument.get("type") for argument in arguments]
        right = [RIGHT[kind] for kind in types]
        yield name, tuple_of([*right, "'more'"])
        if right:
            yield name, "()"
            yield name, tuple_of(right[:-1])
        for n, kind in enumerate(types):
            for wrong in WRONG[kind]:
                yield name, tuple_of([*right[:n], wrong, *right[n + 1:]])


def bad_values():
    """Every argument with a value of the right type that is none."""
    for name, arguments in methods():
        right = [RIGHT[argument.get("type")] for argument in arguments]
        for n, argument in enumerate(arguments):
            kind = argument.get("type")
            if argument.get("name") == "after":  # behind any number there is something or nothing
                continue
            if kind == "t":
                values = NUMBERS.values()
            elif kind == "u":
                values = ["uint32 0", "uint32 1001", f"uint32 {2**32 - 1}"]
            elif kind == "s":
                values = [quote(text) for text in TEXTS.values()]
                if argument.get("name") in ("account", "person"):
                    values += [quote(text) for text in STRANGE_NAMES.values()]
            else:
                values = dictionary_values(argument.get("name"))
            for value in values:
                yield name, tuple_of([*right[:n], value, *right[n + 1:]])


def dictionary_values(name):
    keys = DICTIONARIES.get(name)
    assert keys, f"no dictionary {name!r} in the XML"
    yield "{'unknown': <'a'>}"
    yield "{'': <'a'>}"
    yield f"{{{quote(BIG)}: <'a'>}}"
    yield "{'reason\\n': <'a'>}"
    for key, (kind, _cap) in keys.items():
        wrong = {"s": ["uint64 1", "true", "['a']", "<'a'>"],
                 "t": ["'1'", "int64 -1", "-1", "uint32 1", "true"],
                 "u": ["'1'", "-1", "uint64 1", f"uint64 {2**32}"],
                 "b": ["'true'", "uint32 1"],
                 "as": ["'pending'", "[uint64 1]", "[<'a'>]"]}[kind]
        for value in wrong:
            yield f"{{{quote(key)}: <{value}>}}"
        if kind == "s":
            for label, text in TEXTS.items():
                # An empty text is how some senders say that there is none.
                if label != "empty":
                    yield f"{{{quote(key)}: <{quote(text)}>}}"
        if kind == "t" and key in ("duration", "start"):
            yield f"{{{quote(key)}: <uint64 0>}}"
            yield f"{{{quote(key)}: <uint64 {2**64 - 1}>}}"
        if kind == "t" and key == "duration":
            yield f"{{{quote(key)}: <uint64 {366 * 86400 + 1}>}}"
        if kind == "u":
            yield f"{{{quote(key)}: <uint32 0>}}"
            yield f"{{{quote(key)}: <uint32 1001>}}"
        if kind == "as":
            yield f"{{{quote(key)}: <['nonsense']>}}"
            yield f"{{{quote(key)}: <[{', '.join([quote('pending')] * 1000)}]>}}"


def unchanged(before, after):
    """Nothing but that it was tried, which is recorded."""
    tried = [row[2] for row in after["audit"] if row not in before["audit"]]
    assert set(tried) <= {"decision-refused"}
    assert all(row in after["audit"] for row in before["audit"])
    for table in set(before) - {"audit", "journal_mark"}:
        assert after[table] == before[table]


def check_all(client, calls, contents):
    """What was not refused is named, all of it. The broker allows 128 calls under way."""
    before = contents()
    wrong = []
    for start in range(0, len(calls), 100):
        under_way = [(call, client.send(*call)) for call in calls[start:start + 100]]
        for (name, arguments), reply in under_way:
            reply = reply.get(timeout=60)
            said = f"{reply.error or 'taken'}: {reply.message or reply.value}"
            if not reply.ours:
                wrong.append(f"{name}{arguments[:200]}: {said}")
            elif "\n" in reply.message or not 0 < len(reply.message) <= LIMIT_SENTENCE:
                wrong.append(f"{name}{arguments[:200]}: no sentence: {said!r}")
    assert not wrong, "\n".join([f"{len(wrong)} of {len(calls)}:", *wrong])
    unchanged(before, contents())


@pytest.mark.parametrize("calls", [wrong_signatures, bad_values])
def test_bad_calls(host, on_bus, contents, calls):
    alice, bob = on_bus("alice"), on_bus("bob")
    number = alice.request()
    assert number == 1
    calls = list(calls())
    for client in (bob, alice, on_bus("mallory")):
        check_all(client, calls, contents)
    assert host.broker.exits == []
    assert bob.get(number)["state"] == "pending"
    bob.approve(number)


def test_every_method_is_tried():
    tried = {name for name, _ in wrong_signatures()}
    assert tried == {method.get("name") for method in INTERFACE.iter("method")}


def test_doubled_key(on_bus, contents):
    alice = on_bus("alice")
    before = contents()
    reply = alice.call("Request", "('root', {'reason': <'one'>, 'reason': <'two'>})")
    assert reply.ours == "InvalidArgument" and "reason" in reply.message
    assert contents() == before


@pytest.mark.parametrize("verdict", ["Approve", "Deny", "Cancel", "CheckIn", "Revoke"])
@pytest.mark.parametrize("who", ["mallory", "dave", "ops00", "root"])
def test_who_has_no_say_changes_nothing(on_bus, contents, who, verdict):
    alice = on_bus("alice")
    number = alice.request()
    arguments = {"Approve": alice.approval(number), "Deny": f"(uint64 {number}, 'no')",
                 "Revoke": f"(uint64 {number}, 'no')"}.get(verdict, f"(uint64 {number},)")
    before = contents()
    reply = on_bus(who).call(verdict, arguments)
    assert reply.ours in ("NotPermitted", "NotFound", "WrongState", "SelfApproval"), reply
    unchanged(before, contents())


def test_raw_bytes_that_are_no_utf8_do_not_reach_the_broker(host, alice, on_bus, contents):
    """libdbus would abort() on them; the bus, or libdbus when it reads, hangs up on the sender."""
    before = contents()
    script = f"""
import socket, struct, sys
NAME, PATH, MEMBER = b"{NAME}", b"{PATH}", b"Deny"
bus = socket.socket(socket.AF_UNIX)
bus.connect("/run/dbus/system_bus_socket")
bus.settimeout(30)
def field(code, kind, value, length="I"):
    text = struct.pack("<BB", code, 1) + kind + b"\\0"
    return text + struct.pack("<" + length, len(value)) + value + b"\\0"
def pad(data, to=8):
    return data + b"\\0" * (-len(data) % to)
def message(serial, destination, path, interface, member, signature=b"", body=b""):
    fields = b""
    for code, kind, value in ((1, b"o", path), (2, b"s", interface), (3, b"s", member),
                              (6, b"s", destination)):
        fields = pad(fields) + field(code, kind, value)
    if signature:
        fields = pad(fields) + field(8, b"g", signature, "B")
    head = struct.pack("<BBBBIII", ord("l"), 1, 0, 1, len(body), serial, len(fields))
    return pad(head + fields) + body
bus.sendall(b"\\0AUTH EXTERNAL " + str({alice.uid}).encode().hex().encode() + b"\\r\\n")
assert bus.recv(4096).startswith(b"OK")
bus.sendall(b"BEGIN\\r\\n" + message(1, b"org.freedesktop.DBus", b"/", b"org.freedesktop.DBus", b"Hello"))
bus.recv(4096)
text = b"\\xff\\xfe\\x80"
bus.sendall(message(2, NAME, PATH, NAME, MEMBER, b"ts",
                    struct.pack("<QI", 1, len(text)) + text + b"\\0"))
while True:
    data = bus.recv(65536)
    if not data:
        break
    if b"Error" in data:
        print("answered", data)
        break
print("over")
"""
    result = alice.run(["/usr/bin/python3", "-c", script])
    assert result.stdout.endswith("over\n"), result.stderr
    assert host.broker.exits == [] and contents() == before
    on_bus("alice").request()
