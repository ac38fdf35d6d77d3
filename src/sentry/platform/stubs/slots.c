/* sentry/platform/stubs/slots.c - which areas are free.
 *
 * A slot that was given back waits until its host thread is really gone. The one that waits longest is taken again first; the
 * others are emptied after a while (arena/trim.h) and are clean then: their memory has gone back to the host. */
#include "sentry/platform/stubs/stubs_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>

#include "host/host.h"
#include "sentry/arena/trim.h"

#define TRIM_STEP 512u /* slots emptied in one go */

/* The slot that waits longest, if its thread is gone. */
static bool waiting_pop(struct platform_root *p, uint32_t *ret_slot)
{
    if (!p->free_slots_n)
        return false;
    const struct free_slot *f = &p->free_slots[p->free_slots_first];
    if (f->tid && host_tgkill(f->pid, f->tid, 0) != -ESRCH)
        return false;
    *ret_slot = f->slot;
    p->free_slots_first = (p->free_slots_first + 1) % STUB_SLOTS;
    p->free_slots_n--;
    return true;
}

int64_t slot_take(void)
{
    struct platform_root *p = plat();
    uint32_t slot;
    if (waiting_pop(p, &slot))
        return slot;
    if (p->clean_slots_n)
        return p->clean_slots[--p->clean_slots_n];
    return p->slot_top < STUB_SLOTS ? (int64_t)p->slot_top++ : -EAGAIN;
}

void slot_give(uint32_t slot, int32_t pid, int32_t tid)
{
    struct platform_root *p = plat();
    p->free_slots[(p->free_slots_first + p->free_slots_n++) % STUB_SLOTS] =
        (struct free_slot){slot, pid ? pid : tid, tid};
    trim_soon();
}

enum trim_left slots_trim(bool next_period)
{
    struct platform_root *p = plat();
    uint32_t slot, n = 0;
    while (p && n < TRIM_STEP && waiting_pop(p, &slot)) {
        (void)!host_fallocate(hostfile_fd(p->areas), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                              (off_t)slot * STUB_AREA_SIZE, STUB_AREA_SIZE);
        p->clean_slots[p->clean_slots_n++] = slot;
        n++;
    }
    if (!p || !p->free_slots_n)
        return TRIM_NOTHING;
    return n == TRIM_STEP ? TRIM_REST : TRIM_YOUNG;
}
