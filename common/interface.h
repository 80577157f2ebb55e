/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What interface_codegen.py makes of one interface: its methods, with signatures and handlers. */

#include <stddef.h>

/* One method call in the broker; defined by the bus layer (broker/bus/call.h). */
struct call;

struct interface_method {
    const char *name;
    const char *in;
    const char *out;
    void (*handle)(struct call *call);
};

struct interface {
    const char *name;
    const char *path;
    const char *introspection; /* a whole <node> document */
    const struct interface_method *methods;
    size_t n_methods;
};
