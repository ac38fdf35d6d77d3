/* sentry/platform/stubs/host_vdso.c - where the host's vDSO functions lie in every stub: our own copy of the image is the same,
 * and the stubs' address is known. */
#include "sentry/platform/stubs/host_vdso.h"

#include <elf.h>
#include <string.h>

#include "host/auxv.h"
#include "sentry/platform/stubs/stubs_priv.h"

static const void *at(uint64_t base, uint64_t off) { return (const void *)(uintptr_t)(base + off); }

/* Offset of a function in the image, 0 if there is none. The image is the host kernel's. */
static uint64_t symbol(uint64_t base, const char *name)
{
    const Elf64_Ehdr *eh = at(base, 0);
    const Elf64_Phdr *ph = at(base, eh->e_phoff);
    const Elf64_Dyn *dyn = NULL;
    uint64_t bias = 0;
    for (unsigned i = 0; i < eh->e_phnum; i++) {
        if (ph[i].p_type == PT_LOAD)
            bias = ph[i].p_offset - ph[i].p_vaddr;
        if (ph[i].p_type == PT_DYNAMIC)
            dyn = at(base, ph[i].p_offset);
    }
    const Elf64_Sym *sym = NULL;
    const char *str = NULL;
    const uint32_t *hash = NULL, *gnu = NULL;
    for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
        const void *p = at(base, dyn->d_un.d_ptr + bias);
        if (dyn->d_tag == DT_SYMTAB)
            sym = p;
        if (dyn->d_tag == DT_STRTAB)
            str = p;
        if (dyn->d_tag == DT_HASH)
            hash = p;
        if (dyn->d_tag == DT_GNU_HASH)
            gnu = p;
    }
    if (!sym || !str)
        return 0;
    uint32_t n = 0;
    if (hash) {
        n = hash[1];
    } else if (gnu) { /* the highest chain end */
        const uint32_t *buckets = gnu + 4 + gnu[2] * 2, *chain = buckets + gnu[0];
        for (uint32_t i = 0; i < gnu[0]; i++)
            n = buckets[i] > n ? buckets[i] : n;
        while (n >= gnu[1] && !(chain[n - gnu[1]] & 1))
            n++;
        n++;
    }
    for (uint32_t i = 1; i < n; i++) {
        if (sym[i].st_shndx != SHN_UNDEF && strcmp(str + sym[i].st_name, name) == 0)
            return sym[i].st_value + bias;
    }
    return 0;
}

void host_vdso_find(struct vdso_data *ret)
{
    uint64_t here = host_auxv(AT_SYSINFO_EHDR), there = plat()->host_vdso;
    *ret = (struct vdso_data){0};
    if (!here || !there)
        return;
    const struct {
        const char *name;
        uint64_t *ret;
    } wanted[] = {
        {"__vdso_clock_gettime", &ret->clock_gettime},
        {"__vdso_gettimeofday", &ret->gettimeofday},
        {"__vdso_time", &ret->time},
        {"__vdso_getcpu", &ret->getcpu},
        {"__vdso_clock_getres", &ret->clock_getres},
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        uint64_t off = symbol(here, wanted[i].name);
        *wanted[i].ret = off ? there + off : 0;
    }
}
