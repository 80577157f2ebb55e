/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proof/read_store.h"

/* Rows that are in memory at a time. */
#define PAGE_ROWS 1000
#define PAGE_BYTES (1024 * 1024)

static int read_records(struct proof *proof, struct store *store)
{
    uint64_t after = 0;

    for (;;) {
        CLEANUP(trail_clear) struct trail page = {0};
        int r = store_trail(store, 0, after, PAGE_ROWS, PAGE_BYTES, &page);

        for (size_t i = 0; i < page.count && r == 0; i++)
            r = proof_record(proof, &page.items[i]);
        if (r < 0 || page.count == 0)
            return r;
        after = page.items[page.count - 1].number;
    }
}

static int read_rows(struct proof *proof, struct store *store, enum trail_table table)
{
    uint64_t after = 0;

    for (;;) {
        CLEANUP(trail_clear) struct trail page = {0};
        int r = store_rows(store, table, after, PAGE_ROWS, PAGE_BYTES, &page);

        for (size_t i = 0; i < page.count && r == 0; i++)
            r = proof_row(proof, table, &page.items[i]);
        if (r < 0 || page.count == 0)
            return r;
        after = page.items[page.count - 1].number;
    }
}

int proof_read_store(struct proof *proof, struct store *store)
{
    int r = read_records(proof, store);

    for (int table = TRAIL_CHECKOUTS; table <= TRAIL_SESSIONS && r == 0; table++)
        r = read_rows(proof, store, (enum trail_table)table);
    return r == 0 ? proof_finish(proof, true) : r;
}

int proof_store_policy(const char *digest, char **ret_text, void *userdata)
{
    return store_policy_text(userdata, digest, ret_text);
}
