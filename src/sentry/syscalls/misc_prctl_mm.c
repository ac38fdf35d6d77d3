/* prctl(PR_SET_MM): where code, data, arguments and environment lie, as /proc shows them. */
#include "sentry/syscalls/misc_prctl.h"

#include "abi/capability.h"
#include "abi/limits.h"
#include "abi/prctl.h"
#include "abi/resource.h"
#include "abi/stat.h"
#include "base/err.h"
#include "sentry/mm/mm.h"
#include "sentry/mm/usermem.h"
#include "sentry/platform/space_limits.h"
#include "sentry/task/task.h"
#include "sentry/vfs/file.h"
#include "sentry/vfs/inode.h"

#include <string.h>

static struct linux_prctl_mm_map map_of(const struct mm *mm)
{
    return (struct linux_prctl_mm_map){mm->start_code,
                                       mm->end_code,
                                       mm->start_data,
                                       mm->end_data,
                                       mm->brk_start,
                                       mm->brk,
                                       mm->start_stack,
                                       mm->arg_start,
                                       mm->arg_end,
                                       mm->env_start,
                                       mm->env_end,
                                       0,
                                       0,
                                       UINT32_MAX};
}

static bool map_valid(const struct task *t, const struct linux_prctl_mm_map *m)
{
    const uint64_t *v = &m->start_code;
    for (int i = 0; i < 11; i++)
        if (v[i] < SPACE_MIN || v[i] >= SPACE_END)
            return false;
    if (m->start_code >= m->end_code || m->start_data >= m->end_data || m->start_brk > m->brk ||
        m->arg_start > m->arg_end || m->env_start > m->env_end)
        return false;
    uint64_t limit = tgroup_rlimit(t->tg, LINUX_RLIMIT_DATA);
    return limit == LINUX_RLIM_INFINITY ||
           m->brk - m->start_brk + (m->end_data - m->start_data) <= limit;
}

static int64_t map_take(struct task *t, const struct linux_prctl_mm_map *m)
{
    struct mm *mm = t->mm;
    if (!map_valid(t, m))
        return -EINVAL;
    mm->start_code = m->start_code, mm->end_code = m->end_code;
    mm->start_data = m->start_data, mm->end_data = m->end_data;
    mm->brk_start = m->start_brk, mm->brk = m->brk;
    mm->start_stack = m->start_stack;
    mm->arg_start = m->arg_start, mm->arg_end = m->arg_end;
    mm->env_start = m->env_start, mm->env_end = m->env_end;
    return 0;
}

static int64_t take_auxv(struct task *t, struct uaddr from, uint64_t size)
{
    uint64_t v[ARRAY_SIZE(t->mm->auxv)] = {0};
    if (size > sizeof(v))
        return -EINVAL;
    if (copy_in(t, v, from, size))
        return -EFAULT;
    memcpy(t->mm->auxv, v, sizeof(v));
    t->mm->auxv[ARRAY_SIZE(v) - 2] = t->mm->auxv[ARRAY_SIZE(v) - 1] = 0;
    t->mm->auxv_len = ARRAY_SIZE(v);
    return 0;
}

static int64_t take_exe(struct task *t, int fd)
{
    struct file *f = fd_get_io(t, fd);
    if (!f)
        return -EBADF;
    struct file *old = t->mm->exe;
    if (!f->inode || (f->inode->mode & LINUX_S_IFMT) != LINUX_S_IFREG) {
        file_unref(f);
        return -EACCES;
    }
    t->mm->exe = f;
    file_unref(old);
    return 0;
}

static int64_t set_whole(struct task *t, struct uaddr from, uint64_t size)
{
    struct linux_prctl_mm_map m;
    if (size != sizeof(m))
        return -EINVAL;
    if (copy_in(t, &m, from, sizeof(m)))
        return -EFAULT;
    if (!map_valid(t, &m) || (m.auxv_size && (!m.auxv || m.auxv_size > sizeof(t->mm->auxv))))
        return -EINVAL;
    if (m.exe_fd != UINT32_MAX && !task_capable(t, LINUX_CAP_SYS_ADMIN) &&
        !task_capable(t, LINUX_CAP_CHECKPOINT_RESTORE))
        return -EPERM;
    int64_t err = m.auxv_size ? take_auxv(t, UADDR(m.auxv), m.auxv_size) : 0;
    if (!err && m.exe_fd != UINT32_MAX)
        err = take_exe(t, (int)m.exe_fd);
    return err ? err : map_take(t, &m);
}

/* One mark: those that programs point into must lie in memory that is there. */
static int64_t set_one(struct task *t, int which, uint64_t addr)
{
    static const uint8_t place[] = {
        [LINUX_PR_SET_MM_START_CODE] = 0,  [LINUX_PR_SET_MM_END_CODE] = 1,
        [LINUX_PR_SET_MM_START_DATA] = 2,  [LINUX_PR_SET_MM_END_DATA] = 3,
        [LINUX_PR_SET_MM_START_BRK] = 4,   [LINUX_PR_SET_MM_BRK] = 5,
        [LINUX_PR_SET_MM_START_STACK] = 6, [LINUX_PR_SET_MM_ARG_START] = 7,
        [LINUX_PR_SET_MM_ARG_END] = 8,     [LINUX_PR_SET_MM_ENV_START] = 9,
        [LINUX_PR_SET_MM_ENV_END] = 10,
    };
    if (addr < SPACE_MIN || addr >= SPACE_END || which < LINUX_PR_SET_MM_START_CODE ||
        which > LINUX_PR_SET_MM_ENV_END)
        return -EINVAL;
    struct linux_prctl_mm_map m = map_of(t->mm);
    (&m.start_code)[place[which]] = addr;
    if (!map_valid(t, &m))
        return -EINVAL;
    bool inside = which == LINUX_PR_SET_MM_START_STACK || which >= LINUX_PR_SET_MM_ARG_START;
    if (inside && !mm_find_from(t->mm, addr))
        return -EFAULT;
    return map_take(t, &m);
}

int64_t prctl_set_mm(struct task *t, const struct sys_args *a)
{
    int which = arg_int(a, 1);
    bool sized = which == LINUX_PR_SET_MM_AUXV || which == LINUX_PR_SET_MM_MAP ||
                 which == LINUX_PR_SET_MM_MAP_SIZE;
    if (a->arg[4] || (a->arg[3] && !sized))
        return -EINVAL;
    if (which == LINUX_PR_SET_MM_MAP_SIZE)
        return copy_out_u32(t, arg_uaddr(a, 2), sizeof(struct linux_prctl_mm_map));
    if (which == LINUX_PR_SET_MM_MAP)
        return set_whole(t, arg_uaddr(a, 2), a->arg[3]);
    if (!task_capable(t, LINUX_CAP_SYS_RESOURCE))
        return -EPERM;
    switch (which) {
    case LINUX_PR_SET_MM_EXE_FILE: return take_exe(t, arg_int(a, 2));
    case LINUX_PR_SET_MM_AUXV: return take_auxv(t, arg_uaddr(a, 2), a->arg[3]);
    default: return set_one(t, which, a->arg[2]);
    }
}

int64_t prctl_get_auxv(struct task *t, const struct sys_args *a)
{
    const struct mm *mm = t->mm;
    uint64_t v[ARRAY_SIZE(mm->auxv)] = {0};
    if (a->arg[3] || a->arg[4])
        return -EINVAL;
    memcpy(v, mm->auxv, mm->auxv_len * sizeof(v[0]));
    if (copy_out(t, arg_uaddr(a, 1), v, MIN(a->arg[2], sizeof(v))))
        return -EFAULT;
    return sizeof(v);
}
