# SPDX-License-Identifier: LGPL-2.1-or-later
"""A broker that does what a test tells it, on the system bus of the test's mount namespace.

Orders come as JSON, one a line, on standard input; each is answered by one line on standard output.
It decides nothing: what it answers, when, and whether at all is the test's script.
"""

import json
import os
import sys
import traceback

import dbus
import dbus.lowlevel
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

NAME = "org.pamcheckout.Broker1"
PATH = "/org/pamcheckout/Broker1"

# The types of org.pamcheckout.Broker1.xml; a test writes {"x": ["d", 1.5]} for one of its own.
TYPES = {
    "t": "id start end requested lapses duration extends time seconds opened closed",
    "u": "person_uid account_uid uses actor_uid actor_loginuid pid",
}
TYPE_OF = {key: kind for kind, keys in TYPES.items() for key in keys.split()}
MAKE = {
    "t": dbus.UInt64, "u": dbus.UInt32, "s": dbus.String, "b": dbus.Boolean, "d": dbus.Double,
    "i": dbus.Int32, "x": dbus.Int64, "n": dbus.Int16, "q": dbus.UInt16, "y": dbus.Byte,
    "o": dbus.ObjectPath,
}


def value(key, thing):
    if isinstance(thing, list) and len(thing) == 2 and isinstance(thing[0], str):
        return MAKE[thing[0]](thing[1])
    if isinstance(thing, list):
        return dbus.Array([record(item) for item in thing], signature="a{sv}")
    return MAKE[TYPE_OF.get(key, "s")](thing)


def record(fields):
    return dbus.Dictionary({key: value(key, thing) for key, thing in fields.items()}, signature="sv")


def plain(thing):
    """A received value as JSON has it."""
    if isinstance(thing, dbus.Dictionary):
        return {str(key): plain(item) for key, item in thing.items()}
    if isinstance(thing, (dbus.Array, list, tuple)):
        return [plain(item) for item in thing]
    if isinstance(thing, dbus.Boolean):
        return bool(thing)
    if isinstance(thing, str):
        return str(thing)
    return int(thing)


class Broker:
    def __init__(self, loop):
        self.loop = loop
        self.bus = dbus.SystemBus(mainloop=DBusGMainLoop())
        self.checkouts = {}   # id: fields
        self.script = {}      # method: list of steps, the last of which stays
        self.calls = []
        self.held = []        # calls that are not answered yet
        self.expected = None  # (method, number of calls) that an order waits for
        self.page = 1000      # rows of one List reply at most
        self.bus.add_message_filter(self.on_message)
        self.bus.request_name(NAME)

    # What the test orders

    def order_checkout(self, fields):
        self.checkouts[fields["id"]] = fields

    def order_forget(self, number):
        del self.checkouts[number]

    def order_on(self, method, steps):
        self.script[method] = steps

    def order_page(self, rows):
        self.page = rows

    def order_calls(self):
        return self.calls

    def order_alive(self):
        return "alive"

    def order_reset(self):
        """As it was at the beginning."""
        self.checkouts, self.script, self.calls, self.held = {}, {}, [], []
        self.page = 1000
        self.bus.request_name(NAME)

    def order_clear(self):
        self.calls = []

    def order_changed(self, number, state):
        signal = dbus.lowlevel.SignalMessage(PATH, NAME, "Changed")
        signal.append(dbus.UInt64(number), state, signature="ts")
        self.bus.send_message(signal)

    def order_changed_all(self, state):
        for number in self.checkouts:
            self.order_changed(number, state)

    def order_release(self):
        self.bus.release_name(NAME)

    def order_claim(self):
        self.bus.request_name(NAME)

    def answer(self, thing=None):
        print(json.dumps(thing), flush=True)

    def obey(self, line):
        order = json.loads(line)
        if order[0] == "await":
            self.expected = (order[1], order[2])
            self.tell_expected()
        else:
            self.answer(getattr(self, "order_" + order[0])(*order[1:]))

    def tell_expected(self):
        if not self.expected:
            return
        method, number = self.expected
        if sum(call[0] == method for call in self.calls) >= number:
            self.expected = None
            self.answer()

    # What clients ask

    def on_message(self, bus, message):
        if message.get_type() != 1 or message.get_interface() != NAME:
            return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED
        method, arguments = message.get_member(), message.get_args_list()
        self.calls.append([method, *plain(arguments)])
        steps = self.script.get(method) or [["ok"]]
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        self.tell_expected()
        try:
            getattr(self, "step_" + step[0])(message, method, arguments, *step[1:])
        except BaseException:
            # dbus-python would answer "no such method" and go on.
            traceback.print_exc()
            os._exit(2)
        return dbus.lowlevel.HANDLER_RESULT_HANDLED

    def reply(self, message, *arguments, signature):
        reply = dbus.lowlevel.MethodReturnMessage(message)
        reply.append(*arguments, signature=signature)
        self.bus.send_message(reply)

    def step_ok(self, message, method, arguments):
        if method in ("Request", "Grant", "Extend"):
            self.reply(message, dbus.UInt64(max(self.checkouts, default=17)), signature="t")
        elif method == "Get":
            self.step_get(message, arguments[0])
        elif method == "List":
            after = arguments[0].get("after", 0)
            limit = min(arguments[0]["limit"], self.page)
            rows = [record(self.checkouts[number]) for number in sorted(self.checkouts)
                    if number > after and self.checkouts[number].get("state") in
                    arguments[0].get("state", [self.checkouts[number].get("state")])][:limit]
            self.reply(message, dbus.Array(rows, signature="a{sv}"), signature="aa{sv}")
        else:
            self.bus.send_message(dbus.lowlevel.MethodReturnMessage(message))

    def step_get(self, message, number):
        if number in self.checkouts:
            self.reply(message, record(self.checkouts[number]), signature="a{sv}")
        else:
            self.step_error(message, "Get", [], "NotFound", f"there is no request {number}")

    def step_error(self, message, method, arguments, name, text=None):
        if "." not in name:
            name = "org.pamcheckout.Error." + name
        error = dbus.lowlevel.ErrorMessage(message, name, text or "")
        self.bus.send_message(error)

    def step_state(self, message, method, arguments, state, extra=None):
        """Does it, and the request is in this state then."""
        self.checkouts[int(arguments[0])].update({"state": state, **(extra or {})})
        self.bus.send_message(dbus.lowlevel.MethodReturnMessage(message))

    def step_odd(self, message, method, arguments, signature, *things):
        things = [record(thing) if isinstance(thing, dict) else thing for thing in things]
        self.reply(message, *things, signature=signature)

    def step_rows(self, message, method, arguments, rows):
        self.reply(message, dbus.Array([record(row) for row in rows], signature="a{sv}"),
                   signature="aa{sv}")

    def step_lapse(self, message, method, arguments):
        """Time has passed, and nobody was told."""
        self.checkouts[int(arguments[0])]["state"] = "lapsed"
        self.step_ok(message, method, arguments)

    def step_stale(self, message, method, arguments, number, state):
        """Answers what was true until just now; the news of it come before the answer."""
        before = record(self.checkouts[number])
        self.checkouts[number]["state"] = state
        self.order_changed(number, state)
        self.reply(message, before, signature="a{sv}")

    def step_hold(self, message, method, arguments):
        """Answers when it is told to."""
        self.held.append((message, method, arguments))

    def order_let_go(self):
        held, self.held = self.held, []
        for call in held:
            self.step_ok(*call)

    def step_hang(self, message, method, arguments):
        pass

    def step_die(self, message, method, arguments):
        os._exit(1)


def main():
    loop = GLib.MainLoop()
    broker = Broker(loop)

    def on_input(channel, condition):
        line = sys.stdin.readline()
        if not line:
            loop.quit()
            return False
        broker.obey(line)
        return True

    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_IN | GLib.IO_HUP, on_input)
    broker.answer("ready")
    loop.run()


main()
