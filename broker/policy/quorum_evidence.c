/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/quorum_private.h"

char *quorum_evidence(const struct quorum *quorum, const struct approvers *approvers,
                      const struct approval *approvals, size_t n_approvals)
{
    CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    for (size_t i = 0; quorum && i < n_approvals; i++) {
        term_set could = quorum_terms_of(quorum, approvers, approvals[i].approver);
        const char *between = ":";

        fprintf(out, "%s%u", i ? " " : "", (unsigned)approvals[i].approver->uid);
        for (size_t k = 0; k < quorum->n_terms; k++)
            if (could & ((term_set)1 << k)) {
                fprintf(out, "%s%zu", between, k + 1);
                between = ",";
            }
    }
    if (fclose(out) != 0)
        return NULL;
    return TAKE_PTR(text);
}

/* Decimal, nothing before it. */
static int read_number(const char **text, unsigned long max, unsigned long *ret_number)
{
    char *end;

    if (**text < '0' || **text > '9')
        return -EINVAL;
    errno = 0;
    *ret_number = strtoul(*text, &end, 10);
    *text = end;
    return errno != 0 || *ret_number > max ? -EINVAL : 0;
}

int quorum_check_evidence(const struct quorum *quorum, const char *evidence,
                          uid_t ret_uids[static QUORUM_WITNESSES_MAX], size_t *ret_count)
{
    term_set could[QUORUM_WITNESSES_MAX] = {0};
    size_t count = 0;

    for (const char *at = evidence; *at;) {
        unsigned long number;

        if (count == QUORUM_WITNESSES_MAX || read_number(&at, UINT32_MAX, &number) < 0)
            return -EINVAL;
        ret_uids[count] = (uid_t)number;
        for (char sign = ':'; *at == sign; sign = ',') {
            at++;
            if (read_number(&at, quorum->n_terms, &number) < 0 || number == 0)
                return -EINVAL;
            could[count] |= (term_set)1 << (number - 1);
        }
        count++;
        if (*at && (*at++ != ' ' || !*at))
            return -EINVAL;
    }
    *ret_count = count;
    return quorum_is_filled(quorum, could, count);
}
