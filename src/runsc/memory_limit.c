#include "runsc/memory_limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Unreadable, or "max": no limit. */
static uint64_t limit_read(const char *dir, const char *file)
{
    char path[4096 + 64], text[64];
    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    FILE *f = fopen(path, "re");
    uint64_t v = UINT64_MAX;
    if (f && fgets(text, sizeof text, f) && text[0] >= '0' && text[0] <= '9')
        v = strtoull(text, NULL, 10);
    if (f)
        (void)fclose(f);
    return v;
}

uint64_t memory_limit_group(const char *root, const char *group, const char *file)
{
    char dir[4096];
    uint64_t least = UINT64_MAX;
    int n = snprintf(dir, sizeof dir, "%s%s", root, group);
    if (n < 0 || (size_t)n >= sizeof dir)
        return least;
    for (;;) { /* a limit holds for all groups below */
        uint64_t v = limit_read(dir, file);
        least = v < least ? v : least;
        char *slash = strrchr(dir, '/');
        if (!slash || (size_t)(slash - dir) < strlen(root))
            return least;
        *slash = '\0';
    }
}

uint64_t memory_limit_bytes(void)
{
    uint64_t least = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    char line[4096];
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        char *list = strchr(line, ':'), *group = list ? strchr(list + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        uint64_t v = UINT64_MAX;
        if (strcmp(line, "0:") ==
            0) { /* version 2: one hierarchy, "0::/group"; beside version 1 at "unified" */
            uint64_t beside = memory_limit_group("/sys/fs/cgroup/unified", group, "memory.max");
            v = memory_limit_group("/sys/fs/cgroup", group, "memory.max");
            v = v < beside ? v : beside;
        } else if (strstr(list, "memory")) {
            v = memory_limit_group("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
        }
        least = v < least ? v : least;
    }
    if (f)
        (void)fclose(f);
    return least;
}
