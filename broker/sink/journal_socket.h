/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* journald's socket, spoken to directly: sd_journal_sendv(3) says yes when there is nobody, waits
 * for a journald that hangs, and never tells what has been read. Here the kernel tells. */

#include <sys/uio.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

struct journal_socket;

/* path: NULL for journald's own. 0, or -ENOMEM: no memory, or the path is too long. */
int journal_socket_new(const char *path, struct journal_socket **ret_socket);
struct journal_socket *journal_socket_free(struct journal_socket *socket); /* NULL is fine */

/* Hands one entry over, "FIELD=value" each, and waits for nobody. 0; -EAGAIN: the socket is full;
 * -ENOENT, -ECONNREFUSED: nobody is there; or another negative errno. After -ECONNRESET nothing was
 * sent: whoever had the socket has gone, with all that journal_socket_settled() had not confirmed;
 * the next call finds their successor. */
int journal_socket_send(struct journal_socket *socket, const struct iovec *fields, int count);

/* 1: everything that was sent has been read. 0: not yet, or nobody knows. -ECONNRESET: as above. */
int journal_socket_settled(struct journal_socket *socket);
