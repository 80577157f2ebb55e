/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Persons from text. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "policy/persons.h"

/* Two keys that nobody has. */
#define KEY_ALICE "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
#define KEY_BOB "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/"

/* The test fails if the text is refused. */
static inline struct persons *fixture_persons(const char *text)
{
    struct persons *persons = NULL;
    struct error error = {0};

    if (persons_parse("persons", text, strlen(text), &persons, &error) != 0)
        fail_msg("refused: %s", error.text);
    return persons;
}
