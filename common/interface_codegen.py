#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes C of a D-Bus interface: interface_codegen.py FILE.xml OUTDIR

Writes NAME.h, NAME.c and NAME_dispatch.c, where NAME is the interface's last part in lower case.
Each annotation org.pamcheckout.Dict.NAME lists the keys of one a{sv} dictionary as KEY:TYPE or
KEY:TYPE:CAP; CAP is a name of caps.h without LIMIT_, and a must for strings. CAP+lines allows
line feeds.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

DICT_ANNOTATION = "org.pamcheckout.Dict."

MEMBERS = {
    "s": "const char *{}",
    "u": "uint32_t {}",
    "t": "uint64_t {}",
    "b": "bool {}",
    "h": "int {}",
    "as": "struct dict_strings {}",
    "aa{sv}": "struct dict_items {}",
}
HAS_TYPES = ("u", "t", "b")
CAPPED_TYPES = ("s", "as")
# An enumeration constant is an int (C17, 6.7.2.2).
HAS_BITS_MAX = 31
# dict.c keeps the keys that it has seen in 64 bits.
KEYS_MAX = 64

# Words that C17, and what <stdbool.h> makes of them, leave to nobody; `has` is the struct's own.
RESERVED = frozenset(
    """auto bool break case char const continue default do double else enum extern false float for
    goto has if inline int long register restrict return short signed sizeof static struct switch
    true typedef typeof union unsigned void volatile while""".split())

DOCTYPE = (
    '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"\n'
    '  "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">\n')

STANDARD_INTERFACES = """<node>
  <interface name="org.freedesktop.DBus.Introspectable">
    <method name="Introspect"><arg name="data" type="s" direction="out"/></method>
  </interface>
  <interface name="org.freedesktop.DBus.Peer">
    <method name="Ping"/>
    <method name="GetMachineId"><arg name="machine_uuid" type="s" direction="out"/></method>
  </interface>
</node>"""


class Problem(Exception):
    """The document is not one that code can be made of."""


def snake(name):
    """CheckIn -> check_in"""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def quoted(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    if not escaped.isascii() or not escaped.isprintable():
        raise Problem(f"not printable ASCII: {text!r}")
    return f'"{escaped}"'


def named(element, pattern):
    name = element.get("name", "")
    if not re.fullmatch(pattern, name):
        raise Problem(f"<{element.tag}> has no fit name: {name!r}")
    return name


class Unique:
    """Refuses the second use of a name."""

    def __init__(self, what):
        self.what = what
        self.names = set()

    def add(self, name):
        if name in self.names:
            raise Problem(f"{self.what} doubled: {name}")
        self.names.add(name)
        return name


class Field:
    def __init__(self, where, text):
        key, _, rest = text.partition(":")
        self.key = key
        self.type, colon, cap = rest.partition(":")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", key) or key in RESERVED:
            raise Problem(f"{where}: {key!r} cannot be a key")
        if self.type not in MEMBERS:
            raise Problem(f"{where}: key {key} has an unknown type {self.type!r}")
        self.cap, plus, option = cap.partition("+")
        self.lines = bool(plus)
        if plus and (option != "lines" or self.type != "s"):
            raise Problem(f"{where}: key {key} has an unknown option {option!r}")
        if self.type in CAPPED_TYPES:
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*", self.cap):
                raise Problem(f"{where}: key {key} has no cap ({key}:{self.type}:CAP)")
        elif colon:
            raise Problem(f"{where}: key {key} cannot have a cap")
        self.bit = None


class Dict:
    def __init__(self, name, text):
        self.name = name
        keys = Unique(f"dictionary {name}: key")
        self.fields = [Field(f"dictionary {name}", word) for word in text.split()]
        if not self.fields:
            raise Problem(f"dictionary {name} has no key")
        if len(self.fields) > KEYS_MAX:
            raise Problem(f"dictionary {name} has more than {KEYS_MAX} keys")
        for field in self.fields:
            keys.add(field.key)
        self.has_fields = [field for field in self.fields if field.type in HAS_TYPES]
        if len(self.has_fields) > HAS_BITS_MAX:
            raise Problem(f"dictionary {name} has more than {HAS_BITS_MAX} keys of type u, t, b")
        for bit, field in enumerate(self.has_fields):
            field.bit = bit


class Method:
    def __init__(self, element):
        self.name = named(element, r"[A-Z][A-Za-z0-9]*")
        signatures = {"in": "", "out": ""}
        for arg in element.findall("arg"):
            direction = arg.get("direction")
            if direction not in signatures:
                raise Problem(f"method {self.name}: an argument's direction is {direction!r}")
            signatures[direction] += signature_of(self.name, arg)
        self.input = signatures["in"]
        self.output = signatures["out"]


class Signal:
    def __init__(self, element):
        self.name = named(element, r"[A-Z][A-Za-z0-9]*")
        self.signature = ""
        for arg in element.findall("arg"):
            if arg.get("direction", "out") != "out":
                raise Problem(f"signal {self.name}: an argument is not 'out'")
            self.signature += signature_of(self.name, arg)


def signature_of(where, arg):
    signature = arg.get("type", "")
    if not re.fullmatch(r"[ybnqiuxtdsoghav(){}]+", signature):
        raise Problem(f"{where}: an argument's type is {signature!r}")
    return signature


class Interface:
    def __init__(self, path):
        self.source = path.name
        try:
            root = ElementTree.parse(path).getroot()
        except (OSError, ElementTree.ParseError) as error:
            raise Problem(str(error)) from error
        interfaces = root.findall("interface")
        if root.tag != "node" or len(interfaces) != 1:
            raise Problem("not one <node> with one <interface>")
        element = interfaces[0]
        self.path = named(root, r"(/[A-Za-z0-9_]+)+")
        self.name = named(element, r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)+")
        self.prefix = self.name.rpartition(".")[2].lower()

        dicts, members = Unique("dictionary"), Unique("method or signal")
        self.dicts, self.methods, self.signals = [], [], []
        for child in element:
            if child.tag == "annotation":
                name = child.get("name", "")
                if name.startswith(DICT_ANNOTATION):
                    name = name[len(DICT_ANNOTATION):]
                    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                        raise Problem(f"{name!r} cannot be a dictionary's name")
                    self.dicts.append(Dict(dicts.add(name), child.get("value", "")))
            elif child.tag == "method":
                self.methods.append(Method(child))
                members.add(self.methods[-1].name)
            elif child.tag == "signal":
                self.signals.append(Signal(child))
                members.add(self.signals[-1].name)
            else:
                raise Problem(f"<{child.tag}> is not known here")
        if not self.methods:
            raise Problem("no method")
        self.introspection = introspection_of(root)


def introspection_of(root):
    """The document without comments (the parser drops them) and without our annotations, and with
    the standard interfaces."""
    for parent in list(root.iter()):
        for child in list(parent):
            if (child.tag == "annotation"
                    and child.get("name", "").startswith(DICT_ANNOTATION)):
                parent.remove(child)
    root.extend(ElementTree.fromstring(STANDARD_INTERFACES))
    ElementTree.indent(root)
    return DOCTYPE + ElementTree.tostring(root, encoding="unicode") + "\n"


def banner(interface):
    return [
        "/* SPDX-License-Identifier: LGPL-2.1-or-later */",
        f"/* Generated from {interface.source} by interface_codegen.py: edit that instead. */",
    ]


def header_of(interface):
    prefix = interface.prefix
    macros = Unique("the C name")
    lines = banner(interface) + [
        "#pragma once", "", '#include "dict.h"', '#include "interface.h"', ""]

    def define(name, value):
        lines.append(f"#define {macros.add(f'{prefix}_{name}'.upper())} {value}")

    define("INTERFACE", quoted(interface.name))
    define("PATH", quoted(interface.path))
    for method in interface.methods:
        lines.append("")
        define(snake(method.name), quoted(method.name))
        define(snake(method.name) + "_IN", quoted(method.input))
        define(snake(method.name) + "_OUT", quoted(method.output))
    for signal in interface.signals:
        lines.append("")
        define("SIGNAL_" + snake(signal.name), quoted(signal.name))
        define("SIGNAL_" + snake(signal.name) + "_SIGNATURE", quoted(signal.signature))

    for item in interface.dicts:
        lines += ["", f"struct {prefix}_{item.name} {{"]
        for field in item.fields:
            lines.append("    " + MEMBERS[field.type].format(field.key) + ";")
        lines += ["    uint64_t has;", "};", ""]
        if item.has_fields:
            lines.append(f"enum {prefix}_{item.name}_has {{")
            for field in item.has_fields:
                name = macros.add(f"{prefix}_{item.name}_has_{field.key}".upper())
                lines.append(f"    {name} = 1u << {field.bit},")
            lines += ["};", ""]
        fds = "".join(f".{field.key} = -1, " for field in item.fields if field.type == "h")
        define(f"{item.name}_INIT", f"{{ {fds}.has = 0 }}")
        lines += ["", f"extern const struct dict_schema {prefix}_{item.name}_schema;"]

    lines += ["", "/* Only in programs that have a handler for every method. */",
              f"extern const struct interface {prefix}_interface;"]
    return lines


def schemas_of(interface):
    prefix = interface.prefix
    lines = banner(interface) + [
        f'#include "{prefix}.h"', "", "#include <stddef.h>", "", '#include "caps.h"']
    for item in interface.dicts:
        struct = f"struct {prefix}_{item.name}"
        table = f"{item.name}_fields"
        lines += ["", f"static const struct dict_field {table}[] = {{"]
        for field in item.fields:
            parts = [f".key = {quoted(field.key)}", f".type = {quoted(field.type)}",
                     f".offset = offsetof({struct}, {field.key})"]
            if field.bit is not None:
                parts.append(f".bit = {field.bit}")
            if field.cap:
                parts.append(f".max = LIMIT_{field.cap}")
            if field.lines:
                parts.append(".lines = true")
            lines.append(f"    {{ {', '.join(parts)} }},")
        lines += ["};", "", f"const struct dict_schema {prefix}_{item.name}_schema = {{",
                  f"    .name = {quoted(item.name)},",
                  f"    .fields = {table},",
                  f"    .n_fields = {len(item.fields)},",
                  f"    .size = sizeof({struct}),",
                  f"    .has_offset = offsetof({struct}, has),",
                  "};"]
    return lines


def dispatch_of(interface):
    prefix = interface.prefix
    lines = banner(interface) + [f'#include "{prefix}.h"', ""]
    for method in interface.methods:
        lines.append(f"void {prefix}_on_{snake(method.name)}(struct call *call);")
    lines += ["", "static const struct interface_method methods[] = {"]
    for method in interface.methods:
        macro = f"{prefix}_{snake(method.name)}".upper()
        lines.append(
            f"    {{ {macro}, {macro}_IN, {macro}_OUT, {prefix}_on_{snake(method.name)} }},")
    lines += ["};", "", f"const struct interface {prefix}_interface = {{",
              f"    .name = {prefix.upper()}_INTERFACE,",
              f"    .path = {prefix.upper()}_PATH,",
              "    .introspection ="]
    text = [f"        {quoted(line)}" for line in interface.introspection.splitlines(keepends=True)]
    text[-1] += ","
    lines += text
    lines += ["    .methods = methods,", f"    .n_methods = {len(interface.methods)},", "};"]
    return lines


def main(arguments):
    if len(arguments) != 3:
        print("usage: interface_codegen.py FILE.xml OUTDIR", file=sys.stderr)
        return 2
    source, folder = pathlib.Path(arguments[1]), pathlib.Path(arguments[2])
    try:
        interface = Interface(source)
        outputs = {
            f"{interface.prefix}.h": header_of(interface),
            f"{interface.prefix}.c": schemas_of(interface),
            f"{interface.prefix}_dispatch.c": dispatch_of(interface),
        }
    except Problem as problem:
        print(f"{source}: {problem}", file=sys.stderr)
        return 1
    for name, lines in outputs.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
