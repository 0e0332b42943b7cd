/* SPDX-License-Identifier: BSD-2-Clause */
/* Every allocation, refused in turn: what was asked for fails with a status
 * and a sentence, and leaves nothing behind; and threads that the system
 * refuses are done without.  Not here: limits of our own (max_memory); CMYK,
 * WebP and TIFF, whose libraries (lcms 2.14, libwebp 1.2.4, libtiff 4.5) crash
 * by themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "media_formats.h"
#include "pool.h"
#include "test_media_make.h"
#include "toy_model.h"

static nenc_diag diag;

/* While memory is refused a job allocates nothing of its own: what it reads
 * and writes lies here. */
static struct {
    unsigned kind;               /* of toy model */
    int threads, effort;
    nenc_model *model;
    nenc_image picture;
    toy_input in;
    const nenc_media_format *format;
    const char *path;
    uint8_t out[1 << 14], want[1 << 14];
    size_t out_size, want_size;
} job;

static int collect(void *user, const void *data, size_t size)
{
    (void)user;
    if (size > sizeof job.out - job.out_size)
        return 1;
    if (size)
        memcpy(job.out + job.out_size, data, size);
    job.out_size += size;
    return 0;
}

/* All of it: a profile that got lost for want of memory is another picture. */
static void take_picture(const nenc_image *im)
{
    for (uint32_t y = 0; im->data && y < im->height; y++)
        collect(NULL, im->data + y * im->stride,
                (size_t)im->width * im->channels * im->bits / 8);
    collect(NULL, im->icc.data, im->icc.size);
    collect(NULL, im->exif.data, im->exif.size);
    collect(NULL, im->xmp.data, im->xmp.size);
}

typedef nenc_status job_fn(void);

/* One run, undisturbed, says what is wanted; it also lets the C library make
 * what it makes once. */
static void rehearse(job_fn *run)
{
    job.out_size = 0;
    if (run() < 0)
        fail_msg("undisturbed: %s", diag.text);
    memcpy(job.want, job.out, job.out_size);
    job.want_size = job.out_size;
}

/* RECOVERS: where somebody (libjpeg, stdio, a pool of threads) can do with
 * less, success with the right result is fine, too.  UNCOUNTED: threads leave
 * blocks behind for the next ones. */
enum { RECOVERS = 1, UNCOUNTED = 2 };

/* Refuse the n-th allocation, for each n until there is none; then the n-th
 * and all that follow. */
static void refuse_each(const char *name, job_fn *run, unsigned manner)
{
    rehearse(run);
    for (int all_after = 0; all_after <= 1; all_after++) {
        size_t n = 0, refused = 1;
        for (; refused; n++) {
            diag = (nenc_diag){ NENC_OK, "" };
            job.out_size = 0;
            const long before = fail_alloc_live();
            fail_alloc_start(n, all_after);
            const nenc_status st = run();
            refused = fail_alloc_stop();
            const long left = fail_alloc_live() - before;
            if (st < 0 && (st != NENC_ENOMEM || !refused))
                fail_msg("%s, allocation %zu: %s (%s)", name, n,
                         nenc_strerror(st), diag.text);
            if (st < 0 && (diag.status != st || strlen(diag.text) < 8))
                fail_msg("%s, allocation %zu: no sentence", name, n);
            if (st >= 0 && refused && !(manner & RECOVERS))
                fail_msg("%s, allocation %zu: nobody noticed", name, n);
            if (st >= 0 && (job.out_size != job.want_size
                            || memcmp(job.out, job.want, job.want_size)))
                fail_msg("%s, allocation %zu: another result", name, n);
            if (left && !(manner & UNCOUNTED))
                fail_msg("%s, allocation %zu: %ld blocks left", name, n, left);
        }
    }
}

/* -------------------------------------------------------------------- jobs */

static nenc_status open_memory(void)
{
    nenc_model *m = NULL;
    const nenc_status st = nenc_model_open_memory(&m, job.in.data, job.in.size,
                                                  &diag);
    if ((st < 0) != !m)
        return NENC_ECORRUPT_OUTPUT;
    if (m) {
        const uint64_t id = nenc_model_id(m);
        collect(NULL, &id, sizeof id);
    }
    nenc_model_close(m);
    return st;
}

static nenc_status open_file(void)
{
    nenc_model *m = NULL;
    const nenc_status st = nenc_model_open(&m, job.path, &diag);
    if ((st < 0) != !m)
        return NENC_ECORRUPT_OUTPUT;
    nenc_model_close(m);
    return st;
}

static int hurry(void *user, double done)
{
    (void)user;
    (void)done;
    return NENC_HURRY;
}

/* The overfitted codec, which allocates all before it begins, fits little. */
static nenc_status encode(void)
{
    nenc_encoder_config cfg;
    nenc_encoder_config_init(&cfg);
    cfg.threads = job.threads;
    cfg.effort = job.effort;
    if (job.kind == TOY_KINDS)
        cfg.progress = hurry;
    return nenc_encode_image(job.model, &cfg, &job.picture, collect, NULL,
                             &diag);
}

static nenc_status decode(void)
{
    nenc_decoder_config cfg;
    nenc_decoder *dec = NULL;
    nenc_image im = { 0 };
    nenc_decoder_config_init(&cfg);
    cfg.threads = job.threads;
    job.in.at = 0;
    nenc_status st = nenc_decoder_open(&dec, &cfg, toy_supply, &job.in, &diag);
    if ((st < 0) != !dec)
        return NENC_ECORRUPT_OUTPUT;
    if (st >= 0)
        st = nenc_decoder_decode(dec, job.model, &im, &diag);
    if ((st < 0) != !im.data)
        return NENC_ECORRUPT_OUTPUT;
    take_picture(&im);
    nenc_image_free(&im);
    nenc_decoder_close(dec);
    return st;
}

static nenc_status read_picture(void)
{
    const nenc_media_source src = { job.in.data, job.in.size, 1 << 20, false };
    nenc_image im;
    const nenc_status st = nenc_media_read(&im, NULL, &src, &diag);
    if ((st < 0) != !im.data)
        return NENC_ECORRUPT_OUTPUT;
    take_picture(&im);
    nenc_image_free(&im);
    return st;
}

static nenc_status write_picture(void)
{
    return nenc_media_write(job.format, &job.picture, collect, NULL, &diag);
}

/* ------------------------------------------------------------------- tests */

static void need_hook(void)
{
    if (!fail_alloc_works()) {
        print_message("no allocator of our own in this build\n");
        skip();
    }
}

static void models(void **state)
{
    (void)state;
    need_hook();
    for (unsigned k = 0; k < TOY_KINDS; k++) {
        char name[40];
        nenc_buffer file;
        nenc_buffer_init(&file, 1 << 24);
        toy_model_write(&file, k);
        job.in = (toy_input){ file.data, file.size, 0, SIZE_MAX };
        snprintf(name, sizeof name, "model %u", k);
        refuse_each(name, open_memory, 0);
        nenc_buffer_free(&file);
    }
}

static void model_files(void **state)
{
    char path[] = "/tmp/nenc-test-XXXXXX";
    nenc_buffer file;
    (void)state;
    need_hook();
    nenc_buffer_init(&file, 1 << 24);
    toy_model_write(&file, 2);
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    const ssize_t written = write(fd, file.data, file.size);
    close(fd);
    job.path = path;
    if (written == (ssize_t)file.size)
        refuse_each("model file", open_file, RECOVERS);
    unlink(path);
    assert_int_equal(written, file.size);
    nenc_buffer_free(&file);
}

static nenc_image make_picture(uint32_t width, uint32_t height,
                               uint32_t channels)
{
    nenc_image im;
    assert_int_equal(nenc_image_alloc(&im, width, height, channels, 8),
                     NENC_OK);
    toy_picture(&im, 3);
    return im;
}

/* With one thread, and with two, where a thread fewer will do.  The kind after
 * the last is the overfitted codec. */
static void code(unsigned kind)
{
    char name[40];
    job.kind = kind;
    if (kind == TOY_KINDS)
        assert_int_equal(nenc_model_builtin(&job.model, "overfit", &diag),
                         NENC_OK);
    else
        job.model = toy_model_open(kind);
    job.effort = kind == TOY_KINDS;
    for (job.threads = 1; job.threads <= 2; job.threads++) {
        const unsigned manner = job.threads == 1 ? 0 : RECOVERS | UNCOUNTED;
        snprintf(name, sizeof name, "encoding %u, threads %d", kind,
                 job.threads);
        refuse_each(name, encode, manner);
        if (kind == 1 || kind == 3) {
            job.effort = 2;
            refuse_each("encoding with effort", encode, manner);
            job.effort = 0;
            rehearse(encode);
        }
        uint8_t *stream = malloc(job.want_size);
        assert_non_null(stream);
        memcpy(stream, job.want, job.want_size);
        job.in = (toy_input){ stream, job.want_size, 0, SIZE_MAX };
        snprintf(name, sizeof name, "decoding %u, threads %d", kind,
                 job.threads);
        refuse_each(name, decode, manner);
        free(stream);
    }
    nenc_model_close(job.model);
}

static void coding(void **state)
{
    (void)state;
    need_hook();
    job.picture = make_picture(37, 21, 3);
    for (unsigned k = 0; k <= TOY_KINDS; k++)
        code(k);
    nenc_image_free(&job.picture);
}

static void read_one(const char *name, blob file, unsigned manner)
{
    job.in = (toy_input){ file.data, file.size, 0, SIZE_MAX };
    refuse_each(name, read_picture, manner);
    free(file.data);
}

static void reading_pictures(void **state)
{
    static const char ppm[] = "P6\n3 2\n255\n012345678901234567";
    static const char pgm[] = "P2\n3 2\n255\n1 2 3 4 5 6";
    make_more more = { .icc = make_icc("GRAY", 600),
                       .exif = make_exif(6, true), .xmp = make_xmp(6) };
    (void)state;
    need_hook();
    read_one("PPM", blob_copy(ppm, sizeof ppm - 1), 0);
    read_one("PGM", blob_copy(pgm, sizeof pgm - 1), 0);
#ifdef HAVE_PNG
    read_one("PNG", make_png(MAKE_RGB, 8, false, 0, NULL), 0);
    read_one("16-bit PNG", make_png(MAKE_RGBA, 16, false, 0, NULL), 0);
    read_one("gray PNG with all else", make_png(MAKE_GRAY, 8, false,
                                                MAKE_DEFLATED, &more), 0);
    read_one("interlaced palette PNG", make_png(MAKE_PALETTE, 4, true,
                                                MAKE_TRNS, &more), 0);
#endif
#ifdef HAVE_JPEG
    read_one("JPEG", make_jpeg(MAKE_RGB, 0, NULL), RECOVERS);
    read_one("JPEG with all else", make_jpeg(MAKE_RGB, 0, &more), RECOVERS);
    read_one("progressive JPEG", make_jpeg(MAKE_GRAY, MAKE_PROGRESSIVE, NULL),
             RECOVERS);
#endif
    make_more_free(&more);
}

static void writing_pictures(void **state)
{
    const nenc_media_format *f;
    (void)state;
    need_hook();
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        job.picture = make_picture(21, 13, channels);
        assert_int_equal(nenc_blob_set(&job.picture.xmp, "<x/>", 4), NENC_OK);
        for (size_t i = 0; (f = nenc_media_at(i)); i++) {
            job.format = f;
            if (f->write && (channels == 1 || strcmp(f->name, "pgm")))
                refuse_each(f->name, write_picture, 0);
        }
        nenc_image_free(&job.picture);
    }
}

/* ----------------------------------------------------------------- threads */

static void add(void *user, int worker, size_t first, size_t end)
{
    (void)worker;
    unsigned char *seen = user;
    for (size_t i = first; i < end; i++)
        seen[i]++;
}

static void pools_do_with_fewer_threads(void **state)
{
    (void)state;
    need_hook();
    for (int n = 0; n < 6; n++) {
        unsigned char seen[100] = { 0 };
        nenc_pool *pool = NULL;
        fail_threads_after(n);
        const nenc_status st = nenc_pool_open(&pool, 4);
        fail_threads_after(-1);
        assert_int_equal(st, NENC_OK);
        assert_int_equal(nenc_pool_threads(pool), n < 3 ? n + 1 : 4);
        nenc_pool_run(pool, sizeof seen, 3, add, seen);
        nenc_pool_close(pool);
        for (size_t i = 0; i < sizeof seen; i++)
            assert_int_equal(seen[i], 1);
    }
}

static void coding_does_with_fewer_threads(void **state)
{
    (void)state;
    need_hook();
    job.picture = make_picture(37, 21, 3);
    job.model = toy_model_open(4);
    job.threads = 4;
    rehearse(encode);
    for (int n = 0; n < 4; n++) {
        job.out_size = 0;
        fail_threads_after(n);
        const nenc_status st = encode();
        fail_threads_after(-1);
        assert_int_equal(st, NENC_OK);
        assert_int_equal(job.out_size, job.want_size);
        assert_memory_equal(job.out, job.want, job.want_size);
    }
    nenc_model_close(job.model);
    nenc_image_free(&job.picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models),
        cmocka_unit_test(model_files),
        cmocka_unit_test(coding),
        cmocka_unit_test(reading_pictures),
        cmocka_unit_test(writing_pictures),
        cmocka_unit_test(pools_do_with_fewer_threads),
        cmocka_unit_test(coding_does_with_fewer_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
