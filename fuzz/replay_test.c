/* A fuzzer's function without libFuzzer, for the unit tests: every seed, then a fixed number of changed ones. The same
 * inputs on every run, with any compiler and sanitizer. FUZZ_CORPUS: the directory of the seeds. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS     20000u
#define SEED_MAX 65536u
#define SEEDS    256u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct seed {
    uint8_t *data;
    size_t size;
} seeds[SEEDS];
static size_t seed_count;
static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t random_below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return n ? (uint32_t)((random_state >> 16) % n) : 0;
}

/* On the heap, of exactly this size: a sanitizer sees a byte too many. */
static void try(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    if (size)
        memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void seed_read(const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", FUZZ_CORPUS, name);
    FILE *f = fopen(path, "rbe");
    if (!f || seed_count == SEEDS)
        fail_msg("%s", path);
    struct seed *s = &seeds[seed_count++];
    s->data = malloc(SEED_MAX);
    assert_non_null(s->data);
    s->size = fread(s->data, 1, SEED_MAX, f);
    fclose(f);
}

static int by_size(const void *a, const void *b)
{
    const struct seed *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return memcmp(x->data, y->data, x->size);
}

static void test_seeds(void **state)
{
    DIR *d = opendir(FUZZ_CORPUS);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            seed_read(e->d_name);
    closedir(d);
    qsort(seeds, seed_count, sizeof seeds[0], by_size); /* not in the directory's order */
    assert_true(seed_count > 0);
    try(NULL, 0);
    for (size_t i = 0; i < seed_count; i++)
        try(seeds[i].data, seeds[i].size);
}

static void mutate(uint8_t *buf, size_t *size)
{
    static const uint32_t words[] = {0,      1,       0x7f,       0xff,       0x100,
                                     0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff};
    size_t at = random_below(*size);
    switch (random_below(6)) {
    case 0: buf[at] ^= (uint8_t)(1u << random_below(8)); break;
    case 1: buf[at] = (uint8_t)random_below(256); break;
    case 2:
        if (*size >= 4)
            memcpy(buf + random_below(*size - 3), &words[random_below(10)], 4);
        break;
    case 3: *size = at + 1; break;
    case 4: /* a piece of itself elsewhere */
        memmove(buf + at, buf + random_below(at + 1), *size - at);
        break;
    default:
        if (*size < SEED_MAX) {
            memmove(buf + at + 1, buf + at, *size - at);
            buf[at] = (uint8_t)random_below(256);
            ++*size;
        }
        break;
    }
}

static void test_mutations(void **state)
{
    static uint8_t buf[SEED_MAX];
    for (unsigned run = 0; run < RUNS; run++) {
        const struct seed *s = &seeds[random_below(seed_count)];
        size_t size = s->size;
        if (!size)
            continue;
        memcpy(buf, s->data, size);
        for (uint32_t n = 1 + random_below(4); n > 0; n--)
            mutate(buf, &size);
        try(buf, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_seeds),
                                       cmocka_unit_test(test_mutations)};
    int failed = cmocka_run_group_tests_name("fuzz", tests, NULL, NULL);
    while (seed_count > 0)
        free(seeds[--seed_count].data);
    return failed;
}
