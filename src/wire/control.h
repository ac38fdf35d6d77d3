/* wire/control.h - messages between runsc and its children (seqpacket, one message a packet; descriptors only with CONTROL_FILES).
 *
 * Trust    runsc treats what arrives as hostile: parse checks length, type, values and makes text printable.
 * Context  pure.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

enum control_type {
    CONTROL_GO = 1,      /* runsc to child: the user namespace is mapped, go on */
    CONTROL_SIGNAL = 2,  /* runsc to sentry: value = signal number to deliver to the container */
    CONTROL_EXIT = 3,    /* sentry to runsc: the first process exited; value = status 0..255 */
    CONTROL_KILLED = 4,  /* sentry to runsc: it was killed; value = signal number */
    CONTROL_STOPPED = 6, /* sentry to runsc: the first process was stopped; value = signal number */
    CONTROL_READY = 7,   /* sentry to runsc: wait_start: it waits for CALL_START */
    CONTROL_DETACH = 8,  /* runsc to sentry: runsc goes, the sandbox stays */
    CONTROL_FILES =
        9, /* runsc to sentry, after CONTROL_GO: the passed descriptors (boot_config.pass_fds, exec_fd) */
    CONTROL_ERROR = 5, /* child to runsc: text; the sandbox could not start or failed */
};

#define CONTROL_TEXT_MAX    1000u
#define CONTROL_SIGNAL_LAST 64

struct control_msg {
    enum control_type type;
    int value;
    char text[CONTROL_TEXT_MAX +
              1]; /* CONTROL_ERROR: one line of printable characters (others become '?') */
};

#define CONTROL_BYTES_MAX (12u + CONTROL_TEXT_MAX)

/* Bytes written to buf (CONTROL_BYTES_MAX); text may be NULL and is cut. */
size_t control_build(uint8_t *buf, enum control_type type, int value, const char *text);
/* -EBADMSG: not a valid message. */
NODISCARD int control_parse(const uint8_t *buf, size_t len, struct control_msg *ret);
