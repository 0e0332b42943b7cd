/* SPDX-License-Identifier: BSD-2-Clause */
/* All that knows kissfft.
 * Not here: any other transform; without the library, none at all. */
#include "spectrum.h"

#ifndef HAVE_KISSFFT

nenc_status nenc_spectrum_open(nenc_spectrum *s, nenc_arena *arena,
                               const double *window, size_t size,
                               size_t fft_size, nenc_diag *diag)
{
    (void)arena;
    (void)window;
    (void)size;
    (void)fft_size;
    *s = (nenc_spectrum){ 0 };
    return nenc_fail(diag, NENC_EUNSUPPORTED, "this build has no kissfft");
}

void nenc_spectrum_run(nenc_spectrum *s, double *power, const double *x)
{
    (void)s;
    (void)power;
    (void)x;
}

#else
#include <kiss_fftr.h>

nenc_status nenc_spectrum_open(nenc_spectrum *s, nenc_arena *arena,
                               const double *window, size_t size,
                               size_t fft_size, nenc_diag *diag)
{
    size_t plan_size = 0;
    *s = (nenc_spectrum){ .size = size, .bins = fft_size / 2 + 1,
                          .window = window };
    kiss_fftr_alloc((int)fft_size, 0, NULL, &plan_size);    /* only asks */
    void *room = nenc_arena_zalloc(arena, 1, plan_size);
    s->time = nenc_arena_zalloc(arena, fft_size, sizeof *s->time);
    s->bin = nenc_arena_zalloc(arena, s->bins, sizeof(kiss_fft_cpx));
    if (room)
        s->plan = kiss_fftr_alloc((int)fft_size, 0, room, &plan_size);
    if (!s->plan || !s->time || !s->bin)
        return nenc_fail(diag, NENC_ENOMEM, "out of memory");
    return NENC_OK;
}

void nenc_spectrum_run(nenc_spectrum *s, double *power, const double *x)
{
    kiss_fft_cpx *bin = s->bin;
    for (size_t i = 0; i < s->size; i++)
        s->time[i] = (float)(s->window[i] * x[i]);
    kiss_fftr(s->plan, s->time, bin);
    for (size_t k = 0; k < s->bins; k++)
        power[k] = (double)bin[k].r * bin[k].r + (double)bin[k].i * bin[k].i;
}

#endif
