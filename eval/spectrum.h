/* SPDX-License-Identifier: BSD-2-Clause */
/* Power spectra of frames of samples, by kissfft in single precision.
 * Not here: windows' shapes, bands, what is made of them. */
#ifndef NENC_EVAL_SPECTRUM_H
#define NENC_EVAL_SPECTRUM_H

#include "mem.h"

typedef struct nenc_spectrum {
    size_t size;              /**< of a frame, at most fft_size */
    size_t bins;              /**< fft_size / 2 + 1 */
    const double *window;     /**< `size` values, borrowed */
    float *time;              /**< fft_size values, zeros behind the frame */
    void *bin;                /**< `bins` of the library's numbers */
    void *plan;
} nenc_spectrum;

/** Plan spectra of frames of `size` samples, padded with zeros to `fft_size`,
 *  an even number.
 *  @param arena  all memory comes from it; it must live as long
 *  @return NENC_OK, NENC_EUNSUPPORTED (this build has no kissfft),
 *          NENC_ENOMEM */
NENC_NODISCARD nenc_status nenc_spectrum_open(
    nenc_spectrum *s, nenc_arena *arena, const double *window, size_t size,
    size_t fft_size, nenc_diag *diag);

/** power[k] = |FFT(window * x)[k]|^2, `bins` of them, of `size` samples. */
void nenc_spectrum_run(nenc_spectrum *s, double *power, const double *x);

#endif
