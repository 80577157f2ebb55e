/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The checks of a host, and what they share. Each adds to the findings and fails in nothing else.
 */

#include "doctor/finding.h"
#include "doctor/pam_stack.h"
#include "doctor/people.h"
#include "doctor/tree.h"
#include "policy/policy.h"

#define GATE_MODULE "pam_checkout.so"

/* An account that policies manage, by one of its names. */
struct target {
    char *name;
    uid_t uid;
    unsigned doors; /* enum door, of all policies that name it */
    bool by_key;    /* its person is the owner of an ssh key */
};

struct examination {
    const struct tree *tree;
    struct findings *findings;
    bool as_root;
    bool has_policies; /* false: they could not be read, or there are none */
    struct people people;
    struct target *targets;
    size_t n_targets;
    char **examined; /* "service account": what check_gate() has looked at */
    size_t n_examined;
};

/* Fills in people and targets. policies may be NULL. Returns 0 or -ENOMEM. */
int examination_begin(struct examination *examination, const struct policy_set *policies);
void examination_clear(struct examination *examination);

/* Is the account managed at this door? */
bool examination_manages(const struct examination *examination, unsigned door);

/* Is this the first time that it is asked about this service and account (NULL: any)? */
bool examination_is_new(struct examination *examination, const char *service, const char *account);

/* Says that something could not be read, which is not the same as that it is in order. */
void examination_unread(struct examination *examination, const char *path, int error);

/* One service through which one account is entered. */
struct gate_use {
    const char *service;
    unsigned door;
    const struct target *target; /* NULL: any */
    const char *how;             /* "sudo -i to root": for people */
    const char *fix;             /* how it gets a gate */
};

/* Has this service's stack a gate that cannot be gone round? Adds what is wrong with it, once for
 * each service and target. */
void check_gate(struct examination *examination, const struct gate_use *use);

/* Places and arguments of the gate's lines in one stack, whatever the account. */
void check_gate_lines(struct examination *examination, const struct pam_stack *stack,
                      const struct gate_use *use);

void check_sudo(struct examination *examination);
void check_su(struct examination *examination);
/* The stack alone, then with sshd's settings. */
void check_ssh_stack(struct examination *examination);
void check_ssh(struct examination *examination);
/* Gates where none must be. */
void check_ungated(struct examination *examination);
/* The module's file, units, sockets, folders, bus, polkit. */
void check_installation(struct examination *examination);
/* What goes past PAM on this host. */
void check_ways(struct examination *examination);

/* The door that the module takes for a service; 0: none. */
unsigned gate_door_of(const char *service);

/* How long the gates of a stack wait at most in this phase, in seconds. */
unsigned gate_wait(const struct pam_stack *stack, enum pam_phase phase);
