/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole ndec process, from its start to the picture on disk, against its
 * networks' multiply-adds at the machine's peak:
 *
 *     bench_decode [PICTURE]        in the build folder
 *
 * Without PICTURE, the one in testvectors/ mirrored to Kodak's 768x512.  The
 * peak of two threads is taken for twice that of one.  Not here: convolutions
 * by themselves (bench_conv.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench_peak.h"
#include "exact_kernels.h"
#include "hyperprior.h"
#include "model.h"
#include "picture_file.h"

enum { WIDTH = 768, HEIGHT = 512, RUNS = 15 };

static const char stream_path[] = "bench_decode.nenc";

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int die(const char *what, const nenc_diag *diag)
{
    fprintf(stderr, "bench_decode: %s: %s\n", what, diag->text);
    return 1;
}

static uint32_t mirror(uint32_t i, uint32_t n)
{
    i %= 2 * n;
    return i < n ? i : 2 * n - 1 - i;
}

static nenc_status mirrored(nenc_image *out, const char *path,
                            nenc_diag *diag)
{
    nenc_image in;
    NENC_TRY(nenc_picture_load(&in, path, diag));
    NENC_TRY(nenc_image_alloc(out, WIDTH, HEIGHT, in.channels, 8));
    for (uint32_t y = 0; y < HEIGHT; y++)
        for (uint32_t x = 0; x < WIDTH; x++)
            memcpy(out->data + y * out->stride + x * in.channels,
                   in.data + mirror(y, in.height) * in.stride
                       + mirror(x, in.width) * in.channels, in.channels);
    nenc_image_free(&in);
    return NENC_OK;
}

static int write_file(void *user, const void *data, size_t size)
{
    return fwrite(data, 1, size, user) != size;
}

/* Multiply-adds that decoding w x h takes. */
static nenc_status count_macs(uint64_t *macs, const nenc_model *model,
                              uint32_t w, uint32_t h, nenc_diag *diag)
{
    const hyper_model *m = model->bound;
    const nenc_net *const nets[] = { m->h_s, m->g_s };
    const size_t strides[] = { m->z_stride, m->y_stride };
    *macs = 0;
    for (size_t i = 0; i < 2; i++) {
        nenc_shape dims[NENC_NET_MAX_INPUTS];
        nenc_plan *plan;
        const size_t s = strides[i];
        const size_t pad = m->z_stride / s;
        if (!nets[i])
            continue;
        for (size_t k = 0; k < nenc_net_inputs(nets[i]); k++)
            dims[k] = (nenc_shape){
                1, k ? 1 : (h + m->z_stride - 1) / m->z_stride * pad,
                k ? 1 : (w + m->z_stride - 1) / m->z_stride * pad,
                nenc_net_input_channels(nets[i], k) };
        NENC_TRY(nenc_plan_open(&plan, nets[i], NENC_EXACT, dims, NULL,
                                SIZE_MAX / 2, diag));
        *macs += nenc_plan_macs(plan);
        nenc_plan_close(plan);
    }
    return NENC_OK;
}

/* Seconds of one ndec; libtool's wrapper is a shell script, so what it wraps
 * is run where there is one. */
static double decode_once(const char *out, int threads)
{
    char number[12];
    const bool wrapped = !access(".libs/ndec", X_OK);
    const double start = now();
    const pid_t pid = fork();
    if (!pid) {
        snprintf(number, sizeof number, "%d", threads);
        setenv("LD_LIBRARY_PATH", ".libs", 1);
        execl(wrapped ? ".libs/ndec" : "./ndec", "ndec", "-f", "--quiet",
              "--threads", number, stream_path, "-o", out, (char *)NULL);
        _exit(127);
    }
    int status = 1;
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
        return -1;
    return now() - start;
}

static int measure(const char *out, double macs, int threads)
{
    const char *kernels = nenc_kernels_best()->name;
    double best = 1e9, peak = 0;
    for (int i = 0; i < RUNS; i++) {
        const double seconds = decode_once(out, threads);
        if (seconds < 0) {
            fprintf(stderr, "bench_decode: ndec failed\n");
            return 1;
        }
        best = seconds < best ? seconds : best;
        const double start = now();
        const double flops = bench_peak_run(kernels, 1 << 20);
        const double rate = threads * flops / (now() - start);
        peak = rate > peak ? rate : peak;
    }
    unlink(out);
    const double floor_s = 2 * macs / peak;
    printf("%-4s %d threads, whole process %6.1f ms; %.2f GMAC at the peak of %.0f "
           "GFLOP/s %6.1f ms; ratio %.2f\n", strrchr(out, '.') + 1,
           threads, 1e3 * best, 1e-9 * macs, 1e-9 * peak, 1e3 * floor_s,
           best / floor_s);
    return 0;
}

int main(int argc, char **argv)
{
    const char *src = getenv("top_srcdir");
    char model_path[4096], picture_path[4096];
    nenc_diag diag = { NENC_OK, "" };
    nenc_model *model;
    nenc_image image;
    uint64_t macs;
    snprintf(model_path, sizeof model_path,
             "%s/models/hyperprior.safetensors", src ? src : "..");
    snprintf(picture_path, sizeof picture_path, "%s/testvectors/parrots.png",
             src ? src : "..");
    if (nenc_model_open(&model, model_path, &diag) < 0)
        return die(model_path, &diag);
    if ((argc > 1 ? nenc_picture_load(&image, argv[1], &diag)
                  : mirrored(&image, picture_path, &diag)) < 0)
        return die("the picture", &diag);
    FILE *f = fopen(stream_path, "wb");
    if (!f || nenc_encode_image(model, NULL, &image, write_file, f, &diag) < 0
        || fclose(f))
        return die("encoding", &diag);
    if (count_macs(&macs, model, image.width, image.height, &diag) < 0)
        return die("planning", &diag);
    printf("ndec, %ux%u, best of %d\n", image.width, image.height, RUNS);
    int rc = measure("bench_decode.ppm", (double)macs, 1);
    rc |= measure("bench_decode.ppm", (double)macs, 2);
    rc |= measure("bench_decode.png", (double)macs, 1);
    unlink(stream_path);
    nenc_image_free(&image);
    nenc_model_close(model);
    return rc;
}
