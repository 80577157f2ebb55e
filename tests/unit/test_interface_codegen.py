#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The generator refuses what it cannot make safe code of: test_interface_codegen.py GENERATOR"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

GENERATOR = sys.argv.pop(1)

DOCUMENT = """<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
<node name="/org/example/Door2">
  <interface name="org.example.Door2">
    <!-- a comment -->
    <annotation name="org.pamcheckout.Dict.login" value="{keys}"/>
    <annotation name="org.freedesktop.DBus.Deprecated" value="true"/>
    {members}
  </interface>
</node>
"""
GOOD_KEYS = "name:s:NAME lines:s:REASON+lines words:as:WORD number:u big:t flag:b fd:h rows:aa{sv}"
GOOD_MEMBERS = """<method name="CheckIn"><arg type="t" direction="in"/>
  <arg type="a{sv}" direction="out"/></method><signal name="HTTPDone"><arg type="s"/></signal>"""


class Codegen(unittest.TestCase):
    def generate(self, keys=GOOD_KEYS, members=GOOD_MEMBERS, document=None):
        """Returns (exit code, standard error, {file name: text})."""
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder, "org.example.Door2.xml")
            source.write_text(
                document if document is not None
                else DOCUMENT.replace("{keys}", keys).replace("{members}", members))
            output = pathlib.Path(folder, "out")
            output.mkdir()
            done = subprocess.run([sys.executable, GENERATOR, source, output],
                                  capture_output=True, text=True, check=False)
            return (done.returncode, done.stderr,
                    {path.name: path.read_text() for path in output.iterdir()})

    def refused(self, expected, **arguments):
        code, error, files = self.generate(**arguments)
        self.assertEqual(code, 1, error)
        self.assertIn(expected, error)
        self.assertNotIn("Traceback", error)
        self.assertEqual(files, {})

    def test_good_document(self):
        code, error, files = self.generate()
        self.assertEqual((code, error), (0, ""))
        self.assertEqual(sorted(files), ["door2.c", "door2.h", "door2_dispatch.c"])
        for line in ("    const char *name;", "    struct dict_strings words;",
                     "    uint32_t number;", "    uint64_t big;", "    bool flag;", "    int fd;",
                     "    struct dict_items rows;", "    DOOR2_LOGIN_HAS_NUMBER = 1u << 0,",
                     "    DOOR2_LOGIN_HAS_FLAG = 1u << 2,",
                     "#define DOOR2_LOGIN_INIT { .fd = -1, .has = 0 }",
                     '#define DOOR2_CHECK_IN "CheckIn"', '#define DOOR2_CHECK_IN_IN "t"',
                     '#define DOOR2_CHECK_IN_OUT "a{sv}"',
                     '#define DOOR2_SIGNAL_HTTP_DONE "HTTPDone"',
                     '#define DOOR2_SIGNAL_HTTP_DONE_SIGNATURE "s"'):
            self.assertIn(line, files["door2.h"].splitlines())
        self.assertIn("void door2_on_check_in(struct call *call);", files["door2_dispatch.c"])
        self.assertIn("org.freedesktop.DBus.Deprecated", files["door2_dispatch.c"])
        self.assertNotIn("org.pamcheckout.Dict", files["door2_dispatch.c"])
        self.assertNotIn("a comment", files["door2_dispatch.c"])

    def test_same_output_wherever_it_stands(self):
        self.assertEqual(self.generate(), self.generate())

    def test_bad_keys(self):
        for keys, expected in (
                ("name:s", "key name has no cap"),
                ("name:s:", "key name has no cap"),
                ("name:s:reason", "key name has no cap"),
                ("words:as", "key words has no cap"),
                ("name:s:NAME+line", "unknown option 'line'"),
                ("words:as:WORD+lines", "unknown option 'lines'"),
                ("number:u:NAME", "key number cannot have a cap"),
                ("name", "unknown type ''"),
                ("name:x", "unknown type 'x'"),
                ("name:a{sv}", "unknown type 'a{sv}'"),
                ("name:ss:NAME", "unknown type 'ss'"),
                ("name:s:NAME name:u", "key doubled: name"),
                ("has:u", "'has' cannot be a key"),
                ("default:u", "'default' cannot be a key"),
                ("Name:u", "'Name' cannot be a key"),
                ("1st:u", "'1st' cannot be a key"),
                ("na-me:u", "'na-me' cannot be a key"),
                ("", "has no key"),
                (" ".join(f"k{i}:u" for i in range(32)), "more than 31 keys"),
                (" ".join(f"k{i}:h" for i in range(65)), "more than 64 keys"),
        ):
            with self.subTest(keys=keys):
                self.refused(expected, keys=keys)

    def test_as_many_keys_as_there_is_room_for(self):
        keys = [f"k{i}:t" for i in range(31)] + [f"s{i}:h" for i in range(33)]
        self.assertEqual(self.generate(keys=" ".join(keys))[0], 0)

    def test_bad_members(self):
        good = '<method name="A"/>'
        for members, expected in (
                ("", "no method"),
                ('<method name="A"><arg type="s" direction="inout"/></method>', "'inout'"),
                ('<method name="A"><arg type="s"/></method>', "direction is None"),
                ('<method name="A"><arg direction="in"/></method>', "type is ''"),
                ('<method name="A"><arg type="s;" direction="in"/></method>', "type is 's;'"),
                ('<method name="a"/>', "no fit name"),
                ('<method name="A&quot;"/>', "no fit name"),
                ("<method/>", "no fit name"),
                (good + good, "doubled: A"),
                (good + '<signal name="A"/>', "doubled: A"),
                (good + '<signal name="B"><arg type="s" direction="in"/></signal>', "not 'out'"),
                (good + '<property name="B" type="s" access="read"/>', "<property>"),
                # one C name for two things
                ('<method name="Check"/><method name="CheckIn"/>', "DOOR2_CHECK_IN"),
                ('<method name="CheckIn"/><method name="Check_In"/>', "no fit name"),
                ('<method name="LoginInit"/>', "DOOR2_LOGIN_INIT"),
        ):
            with self.subTest(members=members):
                self.refused(expected, members=members)

    def test_bad_documents(self):
        for document in ("", "<node", "<other/>", "<node/>", '<node name="/a"><interface/></node>',
                         '<node><interface name="a.B"><method name="A"/></interface></node>',
                         '<node name="/a"><interface name="a.B"/><interface name="a.C"/></node>',
                         '<node name="/a"><interface name="B"><method name="A"/></interface>'
                         "</node>"):
            with self.subTest(document=document):
                self.refused("", document=document)

    def test_doubled_dictionary(self):
        document = DOCUMENT.replace("{keys}", "a:u").replace(
            "{members}", '<annotation name="org.pamcheckout.Dict.login" value="b:u"/>'
            + GOOD_MEMBERS)
        self.refused("dictionary doubled: login", document=document)

    def test_missing_file_and_usage(self):
        done = subprocess.run([sys.executable, GENERATOR, "/nonexistent.xml", "/nonexistent"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("Traceback", done.stderr)
        done = subprocess.run([sys.executable, GENERATOR], capture_output=True, check=False)
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    unittest.main()
