/* shim/toml.h - the part of TOML that the shim's configuration uses: tables, keys (bare or quoted), strings, booleans, numbers.
 *
 * Trust    the file is the administrator's, yet read with care.
 * Limits   no arrays, inline tables, dotted keys, multi-line strings: an error that names the line.
 * Spec     TOML 1.0.0.
 */
#pragma once
#include <stddef.h>

#include "base/compiler.h"

#define TOML_ERROR_MAX 160
#define TOML_WORD_MAX  4096

/* Called for each pair; table is "" at the top. Values are text: a string without its quotes, a number or boolean as it stands.
 * 0 or -errno, which ends the reading. */
typedef int (*toml_fn)(void *arg, const char *table, const char *key, const char *value);

/* -EINVAL with err (TOML_ERROR_MAX) set; what fn returned. */
NODISCARD int toml_parse(const char *text, size_t len, toml_fn fn, void *arg, char *err);
