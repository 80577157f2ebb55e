# SPDX-License-Identifier: LGPL-2.1-or-later
"""A scripted broker on a Unix socket, with as much of D-Bus as it takes to be wrong in every way."""

import array
import os
import socket
import struct
import threading

METHOD_CALL, METHOD_RETURN, ERROR, SIGNAL = 1, 2, 3, 4
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE, UNIX_FDS = range(
    1, 10)


class Writer:
    """Marshals little-endian D-Bus values."""

    def __init__(self):
        self.data = bytearray()

    def align(self, size):
        self.data += b"\0" * (-len(self.data) % size)

    def u32(self, value):
        self.align(4)
        self.data += struct.pack("<I", value)

    def u64(self, value):
        self.align(8)
        self.data += struct.pack("<Q", value)

    def string(self, value):
        value = value.encode() if isinstance(value, str) else value
        self.u32(len(value))
        self.data += value + b"\0"

    def signature(self, value):
        self.data += bytes([len(value)]) + value.encode() + b"\0"

    def values(self, signature, values):
        for kind, value in zip(signature, values):
            {"s": self.string, "t": self.u64, "u": self.u32, "h": self.u32,
             "b": self.u32}[kind](value)


class Reader:
    """Reads what Writer writes, and dictionaries of variants."""

    def __init__(self, data, offset=0):
        self.data = data
        self.offset = offset

    def align(self, size):
        self.offset += -self.offset % size

    def take(self, size):
        self.offset += size
        assert self.offset <= len(self.data)
        return self.data[self.offset - size:self.offset]

    def u32(self):
        self.align(4)
        return struct.unpack("<I", self.take(4))[0]

    def u64(self):
        self.align(8)
        return struct.unpack("<Q", self.take(8))[0]

    def string(self):
        value = self.take(self.u32())
        self.take(1)
        return value.decode()

    def signature(self):
        value = self.take(self.take(1)[0])
        self.take(1)
        return value.decode()

    def value(self, signature):
        if signature in ("s", "o"):
            return self.string()
        if signature == "g":
            return self.signature()
        if signature == "t":
            return self.u64()
        assert signature in ("u", "h"), signature
        return self.u32()

    def dictionary(self):
        size = self.u32()
        self.align(8)
        end = self.offset + size
        entries = {}
        while self.offset < end:
            self.align(8)
            key = self.string()
            assert key not in entries
            entries[key] = self.value(self.signature())
        return entries


class Message:
    """One method call as it came in; `body` reads what is in it."""

    def __init__(self, data, fds=()):
        self.fds = list(fds)
        kind, self.serial = data[1], struct.unpack("<I", data[8:12])[0]
        assert data[0:1] == b"l" and kind == METHOD_CALL and data[3] == 1
        fields_size = struct.unpack("<I", data[12:16])[0]
        reader = Reader(data, 16)
        self.fields = {}
        while reader.offset < 16 + fields_size:
            reader.align(8)
            code = reader.take(1)[0]
            self.fields[code] = reader.value(reader.signature())
        reader.align(8)
        self.path, self.interface = self.fields[PATH], self.fields[INTERFACE]
        self.method = self.fields[MEMBER]
        self.signature = self.fields.get(SIGNATURE, "")
        self.body = reader


class Call(Message):
    """One question of the module's."""

    def __init__(self, data, fds=()):
        super().__init__(data, fds)
        assert self.path == "/org/pamcheckout/Gate1"
        assert self.interface == "org.pamcheckout.Gate1"
        reader, signature = self.body, self.signature
        self.id = None
        if signature == "ta{sv}":
            self.id = reader.u64()
        else:
            assert signature == "a{sv}"
        self.login = reader.dictionary()
        assert reader.offset == len(data)
        assert len(self.fds) == ("cgroup_kill" in self.login) == self.fields.get(UNIX_FDS, 0)


def message(kind, serial, fields, signature="", values=()):
    """One whole message. fields: {code: (signature, value)}."""
    body = Writer()
    body.values(signature, values)
    head = Writer()
    fields = dict(fields)
    if signature:
        fields[SIGNATURE] = ("g", signature)
    for code, (field_signature, value) in fields.items():
        head.align(8)
        head.data.append(code)
        head.signature(field_signature)
        if field_signature == "g":
            head.signature(value)
        else:
            head.values(field_signature.replace("o", "s"), [value])
    out = Writer()
    out.data += bytes([ord("l"), kind, 0, 1])
    out.u32(len(body.data))
    out.u32(serial)
    out.u32(len(head.data))
    out.data += head.data
    out.align(8)
    return bytes(out.data + body.data)


def reply(call, verdict, id=0, end=0, text="", latest=0, terminate=False):
    more = (latest, terminate) if call.method == "Prepare" else ()
    return message(METHOD_RETURN, 7, {REPLY_SERIAL: ("u", call.serial)},
                   "sttstb" if more else "stts", (verdict, id, end, text, *more))


def error(call, name, *texts):
    return message(ERROR, 7, {ERROR_NAME: ("s", name), REPLY_SERIAL: ("u", call.serial)},
                   "s" * len(texts), texts)


class Connection:
    """The broker's end of one connection."""

    def __init__(self, sock, gate):
        self.sock = sock
        self.gate = gate
        self.buffer = b""
        self.fds = []

    def peer_pid(self):
        return struct.unpack("3i", self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]

    def send(self, data):
        self.sock.sendall(data)

    def send_with_fds(self, data, fds):
        self.sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])

    def read_until(self, is_enough):
        while not is_enough(self.buffer):
            data, fds, _, _ = socket.recv_fds(self.sock, 65536, 8)
            self.fds += fds
            if not data:
                raise EOFError
            self.buffer += data

    def line(self):
        self.read_until(lambda data: b"\r\n" in data)
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def authenticate(self, fds=b"AGREE_UNIX_FD"):
        assert self.line() == b"\0AUTH EXTERNAL 30"
        assert self.line() == b"NEGOTIATE_UNIX_FD"
        self.send(b"OK " + b"0123456789abcdef" * 2 + b"\r\n" + fds + b"\r\n")
        assert self.line() == b"BEGIN"

    def message(self):
        """The bytes of the next message and what came with it; EOFError when the other side is gone."""
        self.read_until(lambda data: len(data) >= 16)
        body, fields = struct.unpack("<I", self.buffer[4:8])[0], \
            struct.unpack("<I", self.buffer[12:16])[0]
        size = 16 + fields + (-fields % 8) + body
        self.read_until(lambda data: len(data) >= size)
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        fds, self.fds = self.fds, []
        return data, fds

    def call(self):
        call = Call(*self.message())
        self.gate.note(call)
        return call

    def wait_for_hangup(self):
        """Returns once the other side has closed, whatever it sends until then."""
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionError:
            pass


def answering(*answers):
    """A script that gives one answer after the other: (verdict, id, end, text, latest, terminate),
    bytes for "hang up after these", or a function (connection, call). An "allow" stands for Prepare
    and the Open that follows."""

    answers = list(answers)

    def script(connection):
        connection.authenticate()
        while True:
            call = connection.call()
            if call.method == "Close":
                connection.send(message(METHOD_RETURN, 7, {REPLY_SERIAL: ("u", call.serial)}))
                continue
            answer = answers.pop(0)
            if call.method == "Prepare" and isinstance(answer, tuple) and answer[0] == "allow":
                answers.insert(0, answer)
            if callable(answer):
                answer(connection, call)
            elif isinstance(answer, bytes):
                connection.send(answer)
                return
            else:
                connection.send(reply(call, *answer))

    return script


class FakeGate:
    """Listens, and runs the script for each connection in a thread. With a list of scripts each
    connection takes the next one, the last stays."""

    def __init__(self, path, *scripts, mode=0o600, backlog=16):
        self.path = path
        self.scripts = list(scripts)
        self.mode = mode
        self.backlog = backlog
        self.calls = []
        self.problems = []
        self.changed = threading.Condition()
        self.connections = []
        self.n_connections = 0
        self.threads = []
        self.listener = None

    def note(self, call):
        with self.changed:
            self.calls.append(call)
            self.changed.notify_all()

    def wait_for_calls(self, count, timeout=20):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.calls) >= count, timeout), \
                [call.method for call in self.calls]

    def wait_for_connections(self, count, timeout=20):
        with self.changed:
            assert self.changed.wait_for(lambda: self.n_connections >= count, timeout)

    def start(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old = os.umask(0o077)
        self.listener.bind(self.path)
        os.umask(old)
        os.chmod(self.path, self.mode)
        self.listener.listen(self.backlog)
        thread = threading.Thread(target=self.accept, args=(self.listener,), daemon=True)
        thread.start()
        self.threads.append(thread)
        return self

    def accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self.changed:
                script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                self.connections.append(sock)
                self.n_connections += 1
                self.changed.notify_all()
            thread = threading.Thread(target=self.serve, args=(sock, script), daemon=True)
            thread.start()
            self.threads.append(thread)

    def serve(self, sock, script):
        try:
            script(Connection(sock, self))
        except (EOFError, ConnectionError):
            pass
        except Exception as problem:  # the test asks for them
            self.problems.append(problem)
        finally:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def stop(self):
        """Goes away as a crashed broker does: the socket too."""
        if not self.listener:
            return
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.listener = None
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass
        for sock in self.connections:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive()
        self.threads, self.connections = [], []

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        self.stop()
        if kind is None:
            assert not self.problems, self.problems
