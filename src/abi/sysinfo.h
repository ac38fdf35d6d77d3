/* abi/sysinfo.h - sysinfo(2). */
#ifndef CVISOR_ABI_SYSINFO_H
#define CVISOR_ABI_SYSINFO_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_SI_LOAD_SHIFT 16 /* loads are fixed point */

struct linux_sysinfo {
    int64_t uptime; /* seconds */
    uint64_t loads[3];
    uint64_t totalram; /* sizes are in mem_unit bytes */
    uint64_t freeram;
    uint64_t sharedram;
    uint64_t bufferram;
    uint64_t totalswap;
    uint64_t freeswap;
    uint16_t procs;
    uint16_t pad0;
    uint32_t pad1;
    uint64_t totalhigh;
    uint64_t freehigh;
    uint32_t mem_unit;
    uint32_t pad2;
};
static_assert(sizeof(struct linux_sysinfo) == 112, "struct sysinfo");
static_assert(offsetof(struct linux_sysinfo, procs) == 80, "struct sysinfo");
static_assert(offsetof(struct linux_sysinfo, mem_unit) == 104, "struct sysinfo");

#endif
