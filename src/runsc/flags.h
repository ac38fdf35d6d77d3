/* runsc/flags.h - command line flags as Go's flag package reads them.
 *
 * Syntax   -f, --f, --f=v, --f v; a bool takes its value with = only. "--" ends the flags. The last one given counts.
 * Owner    values point into argv.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"

enum flag_kind {
    FLAG_BOOL,
    FLAG_STRING,
    FLAG_INT,
    FLAG_FLOAT,
    FLAG_DURATION,
    FLAG_ENUM,
    FLAG_LIST
};
enum flag_status { FLAG_WORKS, FLAG_LATER, FLAG_OBSOLETE };

struct flag {
    const char *name;
    enum flag_kind kind;
    const char *value; /* the default until given */
    enum flag_status status;
    const char *help;
    bool given;
    const char **list; /* FLAG_LIST: every value given, list_max at most */
    size_t list_count, list_max;
};

enum flag_id {
#define FLAG(id, name, kind, value, status, help) FLAG_ID_##id,
#include "runsc/flags.def"
#undef FLAG
    FLAG_ID_COUNT
};

#define FLAGS_ERROR_MAX 512

/* Takes flags off the front of argv, which starts at *at. Stops at the first word that is none. -EINVAL: err says what is
 * wrong and how to mend it. -EAGAIN: -h or --help was asked for. */
NODISCARD int flags_parse(struct flag *flags, size_t count, int argc, char **argv, int *at,
                          char *err);

/* As if given with this value. -EINVAL with err. */
NODISCARD int flag_set(struct flag *f, const char *value, char *err);

bool flag_true(const struct flag *f);
int64_t flag_int(const struct flag *f);         /* of a checked INT */
int64_t flag_duration_ns(const struct flag *f); /* of a checked DURATION */

/* One line a flag: name, default, help. */
void flags_print(FILE *to, const struct flag *flags, size_t count);

/* The global flags, once in the program; main fills them. */
extern struct flag global_flags[FLAG_ID_COUNT];
