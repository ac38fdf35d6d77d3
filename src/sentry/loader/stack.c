#include "sentry/loader/stack.h"

#include "abi/elf.h"
#include "base/err.h"
#include "sentry/arena/arena.h"

#include <string.h>

/* Strings are laid from the top down, then the vectors below them. */
struct builder {
    struct stack_image *im;
    uint64_t top;
    uint64_t at; /* address of the last thing laid */
};

static void *host_at(const struct builder *b, uint64_t addr)
{
    return b->im->bytes + (addr - (b->top - b->im->size));
}

static uint64_t lay(struct builder *b, const void *p, size_t n)
{
    b->at -= n;
    memcpy(host_at(b, b->at), p, n);
    return b->at;
}

static void put_word(struct builder *b, uint64_t v)
{
    memcpy(host_at(b, b->at), &v, sizeof(v));
    b->at += sizeof(v);
}

/* Pointers to the strings of a, which lie at addr, and a null. */
static void put_pointers(struct builder *b, const struct args *a, uint64_t addr)
{
    const char *s = a->text;
    for (uint64_t i = 0; i < a->count; i++) {
        size_t n = strlen(s) + 1;
        put_word(b, addr);
        addr += n;
        s += n;
    }
    put_word(b, 0);
}

static void put_aux(struct builder *b, uint64_t type, uint64_t value)
{
    put_word(b, type);
    put_word(b, value);
}

int stack_build(const struct stack_spec *s, struct stack_image *ret)
{
    size_t fn_len = strlen(s->execfn) + 1, pf_len = strlen(s->platform) + 1;
    uint64_t nwords = 1 + s->argv->count + 1 + s->envp->count + 1 + 2 * ((uint64_t)s->nauxv + 4);
    uint64_t size = sizeof(uint64_t) + fn_len + s->envp->len + s->argv->len + pf_len +
                    sizeof(s->random) + nwords * sizeof(uint64_t) + 64;
    size = ALIGN_UP(size, 16);
    if (size >= s->top || size > (16u << 20))
        return -E2BIG;
    struct stack_image im = {.size = size};
    im.bytes = arena_alloc(size);
    if (!im.bytes)
        return -ENOMEM;

    struct builder b = {&im, s->top, s->top};
    lay(&b, &(uint64_t){0}, sizeof(uint64_t));
    uint64_t execfn = lay(&b, s->execfn, fn_len);
    im.env_end = b.at;
    im.env_start = s->envp->len ? lay(&b, s->envp->text, s->envp->len) : b.at;
    im.arg_end = b.at;
    im.arg_start = s->argv->len ? lay(&b, s->argv->text, s->argv->len) : b.at;
    uint64_t platform = lay(&b, s->platform, pf_len);
    uint64_t random = lay(&b, s->random, sizeof(s->random));

    im.sp = ALIGN_DOWN(b.at - nwords * sizeof(uint64_t), 16);
    b.at = im.sp;
    put_word(&b, s->argv->count);
    put_pointers(&b, s->argv, im.arg_start);
    put_pointers(&b, s->envp, im.env_start);
    im.auxv_off = b.at;
    for (uint32_t i = 0; i < s->nauxv; i++)
        put_aux(&b, s->auxv[i][0], s->auxv[i][1]);
    put_aux(&b, LINUX_AT_RANDOM, random);
    put_aux(&b, LINUX_AT_EXECFN, execfn);
    put_aux(&b, LINUX_AT_PLATFORM, platform);
    put_aux(&b, LINUX_AT_NULL, 0);
    im.auxv_words = 2 * (s->nauxv + 4);
    /* Only what is used is copied: the buffer begins below sp. */
    im.auxv_off -= s->top - size;
    *ret = im;
    return 0;
}

void stack_image_free(struct stack_image *im)
{
    arena_free(im->bytes, im->size);
    *im = (struct stack_image){0};
}
