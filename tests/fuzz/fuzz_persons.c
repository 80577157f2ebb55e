/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include "policy/persons.h"
#include "policy/persons_options.h"
#include "text.h"

/* The file and, behind a line "---", what sshd says of a login. */
#define BORDER "---\n"

static void check_line(const struct persons *persons, const struct person_line *line)
{
    FUZZ_ASSERT(line->line > 0 && line->key && line->key_size > 4 && line->principals[0]);
    FUZZ_ASSERT(!line->valid_before || line->valid_before > line->valid_after);
    /* A key has one owner: no pattern, and never two. */
    if (line->is_authority)
        return;
    FUZZ_ASSERT(!strpbrk(line->principals, "*?!, "));
    for (size_t i = 0; i < persons->n_lines; i++) {
        const struct person_line *other = persons->lines[i];

        if (!other->is_authority && !other->other_purpose && !line->other_purpose &&
            other->key_size == line->key_size && memcmp(other->key, line->key, line->key_size) == 0)
            FUZZ_ASSERT(strcmp(other->principals, line->principals) == 0);
    }
}

/* Whoever is found is named by a line that says so at that time. */
static void check_owner(const struct persons *persons, const char *owner, uint64_t wall)
{
    bool named = false;

    FUZZ_ASSERT(owner[0] && text_is_valid(owner, LIMIT_NAME));
    for (size_t i = 0; i < persons->n_lines && !named; i++) {
        const struct person_line *line = persons->lines[i];

        named = !line->other_purpose && wall >= line->valid_after &&
                (!line->valid_before || wall <= line->valid_before) &&
                (line->is_authority ? persons_pattern_list_fits(line->principals, owner)
                                    : strcmp(line->principals, owner) == 0);
    }
    FUZZ_ASSERT(named);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t moments[] = {1, 1700000000, 1800000000, 4000000000};
    CLEANUP_PERSONS struct persons *persons = NULL;
    const uint8_t *border = size ? memmem(data, size, BORDER, strlen(BORDER)) : NULL;
    size_t length = border ? (size_t)(border - data) : size;
    CLEANUP_FREE char *authinfo = NULL;
    struct error error = {0};

    if (persons_parse("p", (const char *)data, length, &persons, &error) != 0) {
        FUZZ_ASSERT(error.code == ERROR_INVALID_ARGUMENT && !persons);
        FUZZ_ASSERT(strncmp(error.text, "p:", 2) == 0 && error.text[2] >= '1' &&
                    error.text[2] <= '9');
        FUZZ_ASSERT(text_is_valid(error.text, sizeof(error.text)));
        return 0;
    }
    for (size_t i = 0; i < persons->n_lines && persons->n_lines < 64; i++)
        check_line(persons, persons->lines[i]);
    if (!border)
        return 0;
    authinfo = fuzz_string(border + strlen(BORDER), size - length - strlen(BORDER));
    if (!text_is_valid_lines(authinfo, LIMIT_AUTHINFO))
        return 0; /* the decoder lets nothing else pass */
    for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
        char owner[LIMIT_NAME + 1] = "";
        int r = persons_find_owner(persons, authinfo, moments[i], owner, &error);

        if (r == 0) {
            FUZZ_ASSERT(persons_authinfo_has_key(authinfo));
            check_owner(persons, owner, moments[i]);
        } else {
            FUZZ_ASSERT(!owner[0] && text_is_valid(error.text, sizeof(error.text)));
        }
    }
    return 0;
}
