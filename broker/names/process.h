/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A child process on the sd-event loop, with a SOCK_SEQPACKET socket as its standard input, an
 * empty environment and no other file descriptor than /dev/null and our standard error. The
 * caller's thread must have SIGCHLD blocked, as sd_event_add_child(3) wants it; children of others
 * are left alone. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct process;

/* readable: something can be received (or the end of it). gone: it has exited; it is
 * called at most once, and only process_free is of use then. Both may call process_free. */
typedef void (*process_handler)(struct process *process, void *userdata);

/* Executes `program` (a path) with one argument. Returns 0 or a negative errno. */
int process_start(sd_event *event, const char *program, const char *argument,
                  process_handler readable, process_handler gone, void *userdata,
                  struct process **ret_process);

/* Sends one packet of two parts without waiting. Returns 0 or a negative errno. */
int process_send(struct process *process, const void *head, size_t head_size, const void *body,
                 size_t body_size);

/* Receives one packet without waiting; what does not fit is cut off. Returns its length, at least
 * 1, -EAGAIN if there is none, -EIO when the other end is closed, or another negative errno. */
ssize_t process_receive(struct process *process, void *buffer, size_t size);

/* Until it was killed or has exited. */
bool process_is_usable(const struct process *process);

/* SIGKILL, and nothing is received any more; `gone` will be called. May be called twice. */
void process_kill(struct process *process);

/* Kills it if need be and reaps it, waiting for that a moment; accepts NULL, returns NULL. No
 * handler is called any more. */
struct process *process_free(struct process *process);
