#include "host/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/compiler.h"

enum { NOT_YET, BUSY, NONE, READY };

/* Of one process, set by its first host call: before it has other threads, a filter or another root. */
static struct {
    int state;
    unsigned process; /* 0 sentry, 1 gofer */
    struct fault_page *page;
    int call; /* -1: none fails here */
    uint64_t nth;
    long err;
} fault;

static int call_find(const char *name, size_t len)
{
    for (int i = 0; i < HOST_CALLS_MAX; i++)
        if (host_call_names[i] && strlen(host_call_names[i]) == len &&
            !memcmp(host_call_names[i], name, len))
            return i;
    return -1;
}

static void plan_read(char *spec, const char *process)
{
    char *field[4] = {NULL}, *at = spec;
    for (int i = 0; i < 4 && at; i++) {
        field[i] = at;
        at = strchr(at, ':');
        if (at)
            *at++ = 0;
    }
    fault.call = -1;
    if (!field[3] || strcmp(field[0], process))
        return;
    fault.call = call_find(field[1], strlen(field[1]));
    fault.nth = strtoull(field[2], NULL, 10);
    fault.err = -strtol(field[3], NULL, 10);
}

static int page_open(void)
{
    static char spec[4096];
    const char *env = getenv("CVISOR_FAULT"), *self = program_invocation_short_name;
    fault.process = !strcmp(self, "runsc-gofer");
    if (!env || strlen(env) >= sizeof(spec) || (strcmp(self, "runsc-sandbox") && !fault.process))
        return NONE;
    strcpy(spec, env);
    char *plan = strchr(spec, ':');
    if (plan)
        *plan++ = 0;
    int fd = open(spec, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return NONE;
    fault.page = mmap(NULL, sizeof(*fault.page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (fault.page == MAP_FAILED)
        return NONE;
    plan_read(plan, fault.process ? "gofer" : "sentry");
    return READY;
}

long host_fault(unsigned call, const void *from)
{
    if (fault.state == NOT_YET) {
        fault.state = BUSY;
        fault.state = page_open();
    }
    if (fault.state != READY)
        return 0;
    uint64_t n = __atomic_add_fetch(&fault.page->count[fault.process][call], 1, __ATOMIC_RELAXED);
    if ((int)call != fault.call || n != fault.nth)
        return 0;
    fault.page->fired = (uint64_t)(uintptr_t)from;
    const void *const *frame = __builtin_frame_address(0);
    for (unsigned i = 0; i < ARRAY_SIZE(fault.page->trace) && frame; i++) {
        fault.page->trace[i] = (uint64_t)(uintptr_t)frame[1];
        frame = frame[0] > (const void *)frame ? frame[0] : NULL;
    }
    return fault.err;
}

char *const *host_fault_env(void)
{
    static char text[4096 + 16] = "CVISOR_FAULT=";
    static char *env[2];
    const char *value = getenv("CVISOR_FAULT");
    if (value && strlen(value) < 4096) {
        strcpy(text + strlen("CVISOR_FAULT="), value);
        env[0] = text;
    }
    return env;
}

struct fault_page *host_fault_page(void) { return fault.state == READY ? fault.page : NULL; }
