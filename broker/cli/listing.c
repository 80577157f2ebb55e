/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/listing.h"

#include <errno.h>
#include <stdio.h>

#include "cli/failure.h"

int listing_add(json_t *row, void *userdata)
{
    struct listing *listing = userdata;

    if (listing->output->json)
        output_json(listing->output, stdout, row);
    else if (json_array_append(listing->rows, row) < 0)
        listing->output->error = ENOMEM;
    return listing->output->error ? EXIT_REFUSED : 0;
}
