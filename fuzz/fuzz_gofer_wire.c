/* Gofer messages, both directions: what parses must build to the same bytes again. First byte: which one. */
#include <stdlib.h>
#include <string.h>

#include "wire/gofer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void request_check(const uint8_t *data, size_t size)
{
    static struct gofer_request q;
    static uint8_t again[GOFER_REQUEST_MAX];
    static char path[GOFER_PATH_BYTES_MAX + 1];
    if (gofer_request_parse(data, size, &q) < 0)
        return;
    size_t n = 0;
    for (uint32_t i = 0; i < q.component_count; i++) {
        size_t len = strlen(q.component[i]);
        if (len == 0 || strchr(q.component[i], '/') || strcmp(q.component[i], ".") == 0 ||
            strcmp(q.component[i], "..") == 0)
            abort();
        if (i > 0)
            path[n++] = '/';
        memcpy(path + n, q.component[i], len);
        n += len;
    }
    path[n] = 0;
    ssize_t r = gofer_request_build(again, q.op, q.tag, q.mount, q.open_flags, path);
    if (r < 0 || (size_t)r != size || memcmp(again, data, size) != 0)
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
