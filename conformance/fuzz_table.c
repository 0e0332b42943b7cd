/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: any bytes as a table of results.  What is read is written, and
 * must be read to the same text again. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "table.h"

static void check(bool good)
{
    if (!good)
        abort();
}

static void write_table(nenc_buffer *out, const nenc_eval_table *t)
{
    nenc_buffer_init(out, (size_t)1 << 26);
    nenc_eval_table_write(t, out);
}

static void check_again(const nenc_eval_table *t)
{
    nenc_buffer first, second;
    nenc_eval_table again;
    write_table(&first, t);
    const nenc_eval_csv file = { "again", first.data, first.size };
    if (!first.failed
        && nenc_eval_table_read(&again, &file, 1, NULL) == NENC_OK) {
        write_table(&second, &again);
        check(first.size == second.size
              && !memcmp(first.data, second.data, first.size));
        nenc_buffer_free(&second);
        nenc_eval_table_free(&again);
    } else
        check(first.failed);
    nenc_buffer_free(&first);
}

static void check_means(const nenc_eval_table *t)
{
    nenc_eval_row mean;
    double rate;
    for (size_t p = 0; p < t->n_points; p++)
        if (nenc_eval_mean(t, p, &rate, &mean))
            check(rate >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nenc_eval_table t;
    nenc_diag diag = { NENC_OK, "" };
    uint8_t *copy = malloc(size + !size);
    if (!copy || size > 1 << 14) {
        free(copy);
        return 0;
    }
    if (size)
        memcpy(copy, data, size);
    const nenc_eval_csv file = { "input", copy, size };
    if (nenc_eval_table_read(&t, &file, 1, &diag) >= 0) {
        check_means(&t);
        check_again(&t);
    } else
        check(diag.text[0] != 0);
    nenc_eval_table_free(&t);
    free(copy);
    return 0;
}
