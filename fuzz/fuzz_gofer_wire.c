/* Gofer messages, both directions: what parses must build to the same bytes again. First byte: which one. */
#include <stdlib.h>
#include <string.h>

#include "wire/gofer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void path_check(const struct gofer_path *p)
{
    const char *at = p->text;
    for (uint32_t i = 0; i < p->count; i++) {
        size_t n = strcspn(at, "/");
        if (n == 0 || n > GOFER_NAME_MAX || strncmp(at, "../", n + 1) == 0 ||
            strncmp(at, "./", n + 1) == 0 || strcmp(at, "..") == 0 || strcmp(at, ".") == 0)
            abort();
        if (i + 1 == p->count && (at[n] || at != p->text + p->last))
            abort();
        at += n + 1;
    }
    if (p->count == 0 && p->text[0])
        abort();
}

static void request_check(const uint8_t *data, size_t size)
{
    static struct gofer_request r;
    static uint8_t again[GOFER_REQUEST_MAX];
    if (gofer_request_parse(data, size, &r) < 0)
        return;
    path_check(&r.path);
    path_check(&r.to);
    ssize_t n = gofer_request_build(again, &r.q);
    if (n < 0 || (size_t)n != size || memcmp(again, data, size) != 0)
        abort();
}

static void reply_check(const uint8_t *data, size_t size)
{
    static struct gofer_reply p;
    static uint8_t again[GOFER_REPLY_MAX];
    if (gofer_reply_parse(data, size, &p) < 0)
        return;
    if (gofer_reply_build(again, &p) != size || memcmp(again, data, size) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1)
        request_check(data + 1, size - 1);
    else
        reply_check(data + 1, size - 1);
    return 0;
}
