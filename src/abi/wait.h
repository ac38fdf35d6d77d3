/* abi/wait.h - waiting for children.
 *
 * Spec     wait4(2), waitid(2).
 */
#ifndef CVISOR_ABI_WAIT_H
#define CVISOR_ABI_WAIT_H

#include <stdint.h>

#define LINUX_WNOHANG     0x1U
#define LINUX_WUNTRACED   0x2U
#define LINUX_WSTOPPED    0x2U
#define LINUX_WEXITED     0x4U
#define LINUX_WCONTINUED  0x8U
#define LINUX_WNOWAIT     0x1000000U
#define LINUX___WNOTHREAD 0x20000000U
#define LINUX___WALL      0x40000000U
#define LINUX___WCLONE    0x80000000U
#define LINUX_P_ALL       0
#define LINUX_P_PID       1
#define LINUX_P_PGID      2
#define LINUX_P_PIDFD     3

/* The status word. */
static inline int32_t linux_wstatus_exited(uint32_t code) { return (int32_t)((code & 0xffU) << 8); }

static inline int32_t linux_wstatus_signaled(uint32_t signo, uint32_t core_dumped)
{
    return (int32_t)((signo & 0x7fU) | (core_dumped ? 0x80U : 0U));
}

static inline int32_t linux_wstatus_stopped(uint32_t signo)
{
    return (int32_t)(((signo & 0xffffU) << 8) | 0x7fU);
}

#define LINUX_WSTATUS_CONTINUED 0xffff

#define LINUX_WIFEXITED(s)      (((s) & 0x7f) == 0)
#define LINUX_WEXITSTATUS(s)    (((s) >> 8) & 0xff)
#define LINUX_WIFSTOPPED(s)     (((s) & 0xff) == 0x7f)
#define LINUX_WSTOPSIG(s)       (((s) >> 8) & 0xff)
#define LINUX_WIFCONTINUED(s)   ((s) == LINUX_WSTATUS_CONTINUED)
#define LINUX_WTERMSIG(s)       ((s) & 0x7f)
#define LINUX_WIFSIGNALED(s)    (LINUX_WTERMSIG(s) != 0 && LINUX_WTERMSIG(s) != 0x7f)
#define LINUX_WCOREDUMP(s)      (((s) & 0x80) != 0)

#endif
