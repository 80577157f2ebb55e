/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Every cap of the project, in bytes unless the name says otherwise, each with its reason. */

/* What a person types. The values are a contract: clients and policies count on them. */
#define LIMIT_REASON 1000
#define LIMIT_TICKET 64

/* LOGIN_NAME_MAX is 256 on Linux, with the final NUL. */
#define LIMIT_NAME 256

/* sudo reports whole command lines; more than this helps no approver. */
#define LIMIT_COMMAND 4096

/* A DNS name is at most 255 bytes (RFC 1035, 2.3.4); PAM_RHOST holds one or an address. */
#define LIMIT_HOST 255

/* A terminal's path, a PAM service name. */
#define LIMIT_TTY 256
#define LIMIT_SERVICE 64

/* One of our own words or an id: a state, a verdict, a UUID, a boot id. */
#define LIMIT_WORD 64

/* A term of a quorum: a name, a colon, a number. */
#define LIMIT_TERM (LIMIT_NAME + 16)

/* SHA-256 in hexadecimal. */
#define LIMIT_DIGEST 64

/* SSH_AUTH_INFO_0 holds keys and whole certificates, one a line. */
#define LIMIT_AUTHINFO 32768

/* A unit's name (systemd's UNIT_NAME_MAX) and a cgroup's path (PATH_MAX). */
#define LIMIT_UNIT 256
#define LIMIT_CGROUP 4096

/* What one D-Bus message may weigh on the gate and in the module: a login with everything at its
 * cap stays below. libdbus would otherwise take 128 MiB from anybody. */
#define LIMIT_GATE_MESSAGE (128 * 1024)

/* An answer to a person is one sentence, escaped. */
#define LIMIT_SENTENCE 2048

/* An explanation has a line for each policy. */
#define LIMIT_EXPLANATION 65536

/* Durations: "at most 366 d". */
#define LIMIT_DURATION_SECONDS (366ULL * 24 * 60 * 60)

/* Every answer of the module to its host, whatever the broker does. */
#define LIMIT_ANSWER_MS 5000

/* Rows of one List reply. */
#define LIMIT_LIST_ROWS 1000
#define LIMIT_LIST_DEFAULT 100

/* An audit record, or a row, as canonical JSON: a reason, a command, names and a few ids, escaped.
 */
#define LIMIT_RECORD 32768

/* Rows of one answer with audit records, and how much their texts may come to: few enough that the
 * doors do not wait behind it (about 5 ms). */
#define LIMIT_TRAIL_ROWS 1000
#define LIMIT_TRAIL_BYTES (128 * 1024)

/* Requests: what one person may have waiting, what all may have waiting together, and how many one
 * person may file within a minute. More is a script gone wild; approvers could not read it anyway.
 */
#define LIMIT_PENDING_PERSON 20
#define LIMIT_PENDING_TOTAL 10000
#define LIMIT_REQUESTS_PER_MINUTE 20

/* Calls of people under way at a time, a few KB each: of one connection while the bus says whose it
 * is, of one person from then on, and of all. dbus-daemon allows a person 256 connections. A
 * program that asks for more is told so, and nobody else waits behind it. */
#define LIMIT_CALLS_CONNECTION 128
#define LIMIT_CALLS_PERSON 128
#define LIMIT_CALLS_TOTAL 40000
