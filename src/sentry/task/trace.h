/* sentry/task/trace.h - --strace and calls that nobody has implemented, into the debug log. */
#pragma once
#include <stdint.h>

struct task;

void trace_enter(struct task *t);
void trace_exit(struct task *t, int64_t result);
void trace_missing(uint64_t nr); /* counted, named */
void trace_missing_all(void);    /* what was counted, when the sandbox ends */
