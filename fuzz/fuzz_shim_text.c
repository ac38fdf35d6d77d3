/* Texts that the shim reads. First byte: its configuration, a stream's URI, mount options, an overlay's data. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "shim/rootfs.h"
#include "shim/toml.h"
#include "shim/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int pair_check(void *arg, const char *table, const char *key, const char *value)
{
    if (strlen(table) >= TOML_WORD_MAX || strlen(key) >= TOML_WORD_MAX ||
        strlen(value) >= TOML_WORD_MAX)
        abort();
    return 0;
}

static void toml_check(const char *text, size_t len)
{
    char err[TOML_ERROR_MAX] = "";
    if (toml_parse(text, len, pair_check, NULL, err) < 0 &&
        (!err[0] || strlen(err) >= TOML_ERROR_MAX))
        abort();
}

static void uri_check(const char *text)
{
    struct uri u;
    if (uri_parse(text, &u) < 0)
        return;
    if ((u.scheme == URI_NONE) != (text[0] == 0) || (u.scheme != URI_NONE && u.path[0] != '/') ||
        u.arg_count > URI_ARGS_MAX)
        abort();
    for (size_t i = 0; i < u.arg_count; i++)
        if (strlen(u.args[i]) > strlen(text))
            abort();
    uri_done(&u);
}

static void options_check(char *text)
{
    char *all[256];
    size_t count = 0;
    for (char *rest = text, *one; count < 256 && (one = strsep(&rest, "\n"));)
        all[count++] = one;
    struct mount_options o;
    if (mount_options_parse(all, count, &o) < 0)
        return;
    if (strlen(o.data) > 65536 + 256)
        abort();
    free(o.data);
}

static void overlay_check(const char *text)
{
    AUTO_FREE char *dir = NULL, *out = NULL;
    if (overlay_shorten(text, 128, &dir, &out) < 0)
        return;
    if (strlen(out) >= 128 || dir[0] != '/' || dir[strlen(dir) - 1] != '/' ||
        strlen(out) >= strlen(text))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    AUTO_FREE char *text = malloc(size);
    if (!text)
        abort();
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    switch (data[0] & 3) {
    case 0: toml_check(text, size - 1); break;
    case 1: uri_check(text); break;
    case 2: options_check(text); break;
    default: overlay_check(text); break;
    }
    return 0;
}
