/* shim/uri.h - where a stream goes, as containerd writes it: a path, or SCHEME://PATH?KEY=VALUE&...
 *
 * Owner    all strings are in one block, which uri_done() frees.
 */
#pragma once
#include <stddef.h>

#include "base/compiler.h"

#define URI_ARGS_MAX 128

enum uri_scheme { URI_NONE, URI_FIFO, URI_FILE, URI_BINARY };

struct uri {
    enum uri_scheme scheme;
    char *path; /* absolute; the block */
    const char
        *args[URI_ARGS_MAX]; /* keys and the values that are not empty, decoded, in their order */
    size_t arg_count;
};

/* "" is URI_NONE. -EINVAL relative path, broken escape, byte 0; -EPROTONOSUPPORT scheme; -E2BIG; -ENOMEM. */
NODISCARD int uri_parse(const char *text, struct uri *ret);
void uri_done(struct uri *u);
