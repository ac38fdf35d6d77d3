/* sentry/mm/undo.h - what the thread's queued memory operation did to the map, in case the host refuses it.
 *
 * Owner    struct task (mm_undo); written by mm/ when it queues, read by mm_map_failed() only.
 */
#pragma once
#include <stdint.h>

#include "base/types.h"

enum mm_op {
    MM_OP_NONE,
    MM_OP_MAP,
    MM_OP_UNMAP,
    MM_OP_PROTECT,
    MM_OP_REMAP,
    MM_OP_BRK,
    MM_OP_ADVISE,
    MM_OP_LOCK,
    MM_OP_STACK,
    MM_OP_EXEC
};

struct mm_undo {
    enum mm_op op;
    uint32_t old_prot;   /* MM_OP_PROTECT: of the whole range; UINT32_MAX: it differed */
    struct urange range; /* what was made or changed */
    struct urange from;  /* MM_OP_REMAP: where it was. MM_OP_BRK: .start is the old break */
};
