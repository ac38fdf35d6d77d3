/* wire/control_call.h - what runsc and the shim ask of a running sandbox, and what it answers.
 *
 * Form     one connection of the control socket (seqpacket) carries requests one after the other; each has one answer. One request
 *          is one packet, with descriptors: what large things are written to, or read from, and those that become a process's.
 * Numbers  of processes are those of the container's own pid namespace, in requests and in answers.
 * Trust    runsc treats answers as hostile, the sentry requests as mistaken: bounds, types and values are checked, text is made
 *          printable. Descriptors are counted against the type.
 * Context  pure.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

#define CALL_VERSION    1u
#define CALL_ID_MAX     115u /* of a container: twice in a file's name */
#define CALL_TEXT_MAX   4095u
#define CALL_VALUES_MAX 32u

enum call_type {
    CALL_STATE = 1, /* answer: value is enum call_status */
    CALL_START,     /* the first process; answer when its program is loaded, text why not */
    CALL_EXEC, /* fd 0: process (boot_process_write), then its descriptors; answer: value is the pid inside */
    CALL_WAIT,   /* pid, 0: the first process; answer when it has ended: value as wait(2) */
    CALL_SIGNAL, /* value to pid as flags say */
    CALL_PS,     /* fd 0 gets lines */
    CALL_STATS,  /* answer: values, enum call_stat */
    CALL_PAUSE,  /* answer when all are stopped */
    CALL_RESUME,
    CALL_STACKS,    /* fd 0 gets text */
    CALL_STRACE,    /* value 0: off, 1: on; text: only these calls */
    CALL_LOG_LEVEL, /* value: enum log_level */
    CALL_READ, /* fd 0 gets size bytes of file text from offset on; answer: value is how many */
    CALL_PORT_FORWARD, /* may port value be connected to in the sandbox's network namespace? fd 0 is left alone */
    CALL_USAGE, /* answer: values, enum call_usage */
    /* text: bytes of memory that programs see, then limits of memory, of memory and swap, reservation, tasks, CPU quota, its period,
     * shares, as in struct boot_limits: decimal, a space between */
    CALL_LIMITS,
    /* fd 0: the network that the container has on the host (net_config_write), then packet sockets of its links; before CALL_START */
    CALL_NETWORK,
    /* A further container, by the name in the request. fd 0: all of it (boot_config_write), 1: the sentry's end of its gofer's socket,
     * with READY in it already; then descriptors of its first process. text: whose pid namespace it shares, "": the first
     * container's. Answer when it is there; value: the process from which all of its own will come, in the sandbox's pid namespace, to
     * be put into its control groups before CALL_START; 0: there is none. Then everything is as for the first: CALL_START, CALL_WAIT ... */
    CALL_CREATE,
    CALL_DESTROY, /* kills what lives of a further container; answer when nothing is left of it */
    CALL_LAST = CALL_DESTROY,
};

enum call_status { CALL_CREATED, CALL_RUNNING, CALL_PAUSED, CALL_STOPPED };

enum call_flag {
    /* CALL_EXEC: killed when the connection ends. */
    CALL_EXEC_TIED = 1u << 0,
    /* CALL_SIGNAL: to whom; none of them: the process pid, or the first. */
    CALL_SIGNAL_ALL = 1u << 0,
    CALL_SIGNAL_GROUP = 1u << 1,
    /* as typed at the process's terminal: keys go to the foreground group */
    CALL_SIGNAL_TERMINAL = 1u << 2,
    /* CALL_CREATE: namespaces of its own, where it does not share the first container's. */
    CALL_CREATE_PID = 1u << 0,
    CALL_CREATE_IPC = 1u << 1,
    CALL_CREATE_UTS = 1u << 2,
    CALL_FLAGS_ALL = 7u,
};

enum call_stat {
    CALL_STAT_CPU_USER_NS,
    CALL_STAT_CPU_SYSTEM_NS,
    CALL_STAT_MEMORY,
    CALL_STAT_MEMORY_MAX,
    CALL_STAT_MEMORY_LIMIT,
    CALL_STAT_CACHE,
    CALL_STAT_PIDS,
    CALL_STAT_OOM_KILLS, /* processes that the host killed for memory */
    CALL_STAT_COUNT
};

enum call_usage {
    CALL_USAGE_SYSTEM, /* bytes of the kernel itself */
    CALL_USAGE_ANONYMOUS,
    CALL_USAGE_PAGE_CACHE,
    CALL_USAGE_MAPPED,
    CALL_USAGE_TMPFS,
    CALL_USAGE_TOTAL,
    CALL_USAGE_COUNT
};

struct call_request {
    enum call_type type;
    uint32_t flags;
    int32_t pid, value;
    uint64_t offset, size;
    char container[CALL_ID_MAX + 1];
    char text[CALL_TEXT_MAX + 1];
};

struct call_answer {
    enum call_type type;
    int32_t error; /* 0 or -errno; text then says why, or is empty */
    int32_t value;
    uint32_t count;
    uint64_t v[CALL_VALUES_MAX];
    char text[CALL_TEXT_MAX + 1]; /* one line of printable characters */
};

#define CALL_REQUEST_BYTES_MAX (40u + CALL_ID_MAX + 5u + CALL_TEXT_MAX + 5u)
#define CALL_ANSWER_BYTES_MAX  (20u + 8u * CALL_VALUES_MAX + CALL_TEXT_MAX + 5u)

/* Bytes written to buf, which has the room above. */
size_t call_request_build(uint8_t *buf, const struct call_request *rq);
size_t call_answer_build(uint8_t *buf, const struct call_answer *a);
/* -EBADMSG: not valid; -EPROTO: of another version. */
NODISCARD int call_request_parse(const uint8_t *buf, size_t len, struct call_request *ret);
NODISCARD int call_answer_parse(const uint8_t *buf, size_t len, struct call_answer *ret);
/* How many descriptors may come with it, at least and at most. */
void call_fds(enum call_type type, uint32_t *ret_min, uint32_t *ret_max);
