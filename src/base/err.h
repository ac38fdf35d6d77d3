/* base/err.h - the codes beyond errno, and names for all of them.
 *
 * Functions return 0 or -errno. These never reach the application: EBLOCKED ends in the task run loop, the restart codes
 * in signal/.
 */
#ifndef CVISOR_BASE_ERR_H
#define CVISOR_BASE_ERR_H

#include <errno.h>

enum {
    ERESTARTSYS = 512,           /* -EINTR, or again if the handler has SA_RESTART */
    ERESTARTNOINTR = 513,        /* again, always */
    ERESTARTNOHAND = 514,        /* again unless a handler runs */
    ERESTART_RESTARTBLOCK = 516, /* again as restart_syscall() unless a handler runs */
    EBLOCKED = 600,              /* the task is parked; the handler runs again from its top */
};

/* "ENOENT" for 2 or -2; "?" if unknown. Static storage. */
const char *err_name(int err);

#endif
