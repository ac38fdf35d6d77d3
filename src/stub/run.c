/* stub/run.c - stops and commands: the stub's whole work once the application runs. */
#include "stub/stub.h"

static int64_t command_run(const struct stub_cmd *c)
{
    if (c->nr == STUB_CMD_COPY) {
        uint64_t dst = c->arg[0], src = c->arg[1], n = c->arg[2];
        __asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
        return 0;
    }
    if (c->nr == STUB_CMD_CLONE)
        return stub_clone(c->arg[0], c->arg[1], c->arg[2], c->arg[3]);
    return stub_call(c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]);
}

/* True if all of the batch went well. */
static int commands_run(volatile struct stub_ctl *ctl)
{
    uint32_t n = ctl->ncmds;
    for (uint32_t i = 0; i < n && i < STUB_CMDS; i++) {
        struct stub_cmd c;
        c.nr = ctl->cmd[i].nr;
        for (int k = 0; k < 6; k++)
            c.arg[k] = ctl->cmd[i].arg[k];
        int64_t r = command_run(&c);
        ctl->result = r;
        if (r < 0 && r > -4096) {
            ctl->failed = i + 1;
            return 0;
        }
    }
    return 1;
}

_Noreturn void stub_run(struct stub_ctl *ctl)
{
    volatile struct stub_ctl *v = ctl;
    for (;;) {
        int ok = commands_run(v);
        v->done = v->seq;
        if (ok && !(v->flags & STUB_FLAG_REPORT))
            stub_sigreturn(v->uc);
        stub_call(STUB_NR_REPORT, 0, 0, 0, 0, 0, 0);
    }
}

void stub_stopped(int signo, void *info, void *uc)
{
    uint64_t here = (uint64_t)(uintptr_t)uc & ~(uint64_t)(STUB_AREA_SIZE - 1);
    volatile struct stub_ctl *ctl = (struct stub_ctl *)(uintptr_t)here;
    ctl->signo = (uint32_t)signo;
    ctl->info = (uint64_t)(uintptr_t)info;
    ctl->uc = (uint64_t)(uintptr_t)uc;
    stub_call(STUB_NR_STOP, 0, 0, 0, 0, 0, 0);
    stub_run((struct stub_ctl *)(uintptr_t)here);
}
