/* SPDX-License-Identifier: BSD-2-Clause */
/* Replays inputs through a fuzz target where there is no libFuzzer, so that
 * what was once found stays fixed under every compiler: the files given, or
 * all files in conformance/corpus/NAME/ for the program fuzz_NAME; each as it
 * is, cut short, and with single bytes changed.  Not here: finding new paths. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { CUTS = 300, CHANGES = 300, MAX_SIZE = 1 << 20 };

static uint32_t prng = 1;

static uint32_t next_random(void)
{
    prng ^= prng << 13;
    prng ^= prng >> 17;
    prng ^= prng << 5;
    return prng;
}

/* A block of exactly this size, so that sanitizers see the first overread. */
static void run_copy(const uint8_t *data, size_t size, size_t at, uint8_t flip)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return;
    memcpy(copy, data, size);
    if (at < size)
        copy[at] ^= flip;
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_variants(const uint8_t *data, size_t size, size_t share)
{
    run_copy(data, size, size, 0);
    for (size_t i = 0; size && i < CUTS / share; i++)
        run_copy(data, size <= CUTS / share ? i % size : next_random() % size,
                 size, 0);
    for (size_t i = 0; size && i < CHANGES / share; i++)
        run_copy(data, size, next_random() % size,
                 (uint8_t)(1 + next_random() % 255));
}

static bool run_file(const char *path, size_t share)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(MAX_SIZE);
    const bool good = f && data;
    if (good) {
        prng = 1;
        run_variants(data, fread(data, 1, MAX_SIZE, f), share);
        printf("ok %s\n", path);
    } else {
        printf("not ok %s: cannot be read\n", path);
    }
    free(data);
    if (f)
        fclose(f);
    return good;
}

static int is_seed(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* The corpus of the program `fuzz_NAME`; 77 is automake's word for a skip. */
static int run_corpus(const char *program, size_t share)
{
    const char *top = getenv("top_srcdir");
    const char *name = strstr(program, "fuzz_");
    for (const char *p = name; p; p = strstr(p + 1, "fuzz_"))
        name = p;
    char folder[1024], path[2048];
    snprintf(folder, sizeof folder, "%s/conformance/corpus/%s",
             top ? top : ".", name ? name + 5 : program);
    struct dirent **seeds;
    const int n = scandir(folder, &seeds, is_seed, alphasort);
    if (n <= 0) {
        printf("skip %s: no seeds in %s\n", program, folder);
        return 77;
    }
    bool good = true;
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, seeds[i]->d_name);
        good = run_file(path, share) && good;
        free(seeds[i]);
    }
    free(seeds);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    const size_t share = getenv("NENC_TEST_SMALL") ? 4 : 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 2)
        return run_corpus(argv[0], share);
    bool good = true;
    for (int i = 1; i < argc; i++)
        good = run_file(argv[i], share) && good;
    return good ? 0 : 1;
}
