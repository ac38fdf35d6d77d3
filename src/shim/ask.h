/* shim/ask.h - one question to a running sandbox over its control socket (wire/control_call.h), without waiting for the answer.
 *
 * Owner    the caller embeds struct ask, and cancels it before it frees it.
 * Trust    the answer comes from the sentry, and is parsed as hostile.
 */
#pragma once
#include "shim/loop.h"
#include "wire/control_call.h"

struct ask {
    struct list_node node; /* the owner's */
    struct loop *loop;     /* NULL: over */
    struct watch watch;
    struct timer timer;
    enum call_type type;
    /* Once, never before ask_start() returned; a is NULL if there is no answer or it is an error. */
    void (*fn)(struct ask *k, const struct call_answer *a);
};

/* folder is the runtime's state directory. -errno of the calls: nobody listens, no room. */
NODISCARD int ask_start(struct ask *k, struct loop *l, const char *folder, const char *socket,
                        const struct call_request *rq, int64_t timeout_ns,
                        void (*fn)(struct ask *k, const struct call_answer *a));
/* Harmless for zeroed memory and if it is over. */
void ask_cancel(struct ask *k);
