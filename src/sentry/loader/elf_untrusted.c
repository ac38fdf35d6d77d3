#include "sentry/loader/elf.h"

#include "abi/mman.h"
#include "base/checked.h"
#include "base/err.h"
#include "base/types.h"

#include <string.h>

#if defined(__x86_64__)
#define ELF_MACHINE LINUX_EM_X86_64
#else
#define ELF_MACHINE LINUX_EM_AARCH64
#endif
#define ALIGN_MAX (1ULL << 30)

int elf_header(const void *buf, size_t len, uint64_t *ret_phoff, uint16_t *ret_phnum)
{
    struct linux_elf64_ehdr eh;
    if (len < sizeof(eh))
        return -ENOEXEC;
    memcpy(&eh, buf, sizeof(eh));
    if (memcmp(eh.e_ident, LINUX_ELFMAG, LINUX_SELFMAG) != 0 ||
        eh.e_ident[LINUX_EI_CLASS] != LINUX_ELFCLASS64)
        return -ENOEXEC;
    if ((eh.e_type != LINUX_ET_EXEC && eh.e_type != LINUX_ET_DYN) || eh.e_machine != ELF_MACHINE)
        return -ENOEXEC;
    if (eh.e_phentsize != sizeof(struct linux_elf64_phdr) || eh.e_phnum == 0 ||
        (size_t)eh.e_phnum * sizeof(struct linux_elf64_phdr) > ELF_PHDRS_MAX)
        return -ENOEXEC;
    if (eh.e_phoff > INT64_MAX - ELF_PHDRS_MAX)
        return -ENOEXEC;
    *ret_phoff = eh.e_phoff;
    *ret_phnum = eh.e_phnum;
    return 0;
}

static uint32_t seg_prot(uint32_t flags)
{
    return (flags & LINUX_PF_R ? LINUX_PROT_READ : 0) |
           (flags & LINUX_PF_W ? LINUX_PROT_WRITE : 0) | (flags & LINUX_PF_X ? LINUX_PROT_EXEC : 0);
}

/* False if it cannot be mapped as it says. */
static bool add_segment(const struct linux_elf64_phdr *ph, struct elf_image *im)
{
    uint64_t end, file_end;
    if (ph->p_memsz == 0 && ph->p_filesz == 0)
        return true;
    if (ph->p_filesz > ph->p_memsz)
        return false;
    if (ph->p_filesz && GUEST_PAGE_OFFSET(ph->p_vaddr) != GUEST_PAGE_OFFSET(ph->p_offset))
        return false;
    if (checked_add_u64(ph->p_vaddr, ph->p_memsz, &end) || end > ELF_SPAN_MAX)
        return false;
    if (checked_add_u64(ph->p_offset, ph->p_filesz, &file_end) ||
        file_end > INT64_MAX - GUEST_PAGE_SIZE)
        return false;

    uint64_t low = GUEST_PAGE_DOWN(ph->p_vaddr), high = GUEST_PAGE_UP(end);
    bool first = im->nsegs == 0;
    im->low = first ? low : MIN(im->low, low);
    im->high = MAX(im->high, high);
    if (IS_POW2(ph->p_align) && ph->p_align <= ALIGN_MAX)
        im->align = MAX(im->align, ph->p_align);

    uint64_t data_end = ph->p_vaddr + ph->p_filesz;
    im->start_code = first ? ph->p_vaddr : MIN(im->start_code, ph->p_vaddr);
    im->start_data = MAX(im->start_data, ph->p_vaddr);
    if (ph->p_flags & LINUX_PF_X)
        im->end_code = MAX(im->end_code, data_end);
    im->end_data = MAX(im->end_data, data_end);
    im->bss_end = MAX(im->bss_end, end);
    im->segs[im->nsegs++] = (struct elf_seg){ph->p_vaddr, ph->p_offset, ph->p_filesz, ph->p_memsz,
                                             seg_prot(ph->p_flags)};
    return true;
}

int elf_parse(const struct linux_elf64_ehdr *eh, const struct linux_elf64_phdr *ph, uint16_t phnum,
              struct elf_seg *segs, struct elf_image *ret)
{
    struct elf_image im = {.pie = eh->e_type == LINUX_ET_DYN,
                           .entry = eh->e_entry,
                           .phnum = phnum,
                           .align = GUEST_PAGE_SIZE,
                           .segs = segs};
    for (uint16_t i = 0; i < phnum; i++) {
        const struct linux_elf64_phdr *p = &ph[i];
        if (p->p_type == LINUX_PT_LOAD) {
            if (!add_segment(p, &im))
                im.unmappable = true;
            else if (!im.phdr_vaddr && eh->e_phoff >= p->p_offset &&
                     eh->e_phoff - p->p_offset < p->p_filesz)
                im.phdr_vaddr = eh->e_phoff - p->p_offset + p->p_vaddr;
        } else if (p->p_type == LINUX_PT_GNU_STACK) {
            im.exec_stack = p->p_flags & LINUX_PF_X;
        } else if (p->p_type == LINUX_PT_INTERP && !im.interp_len) {
            if (p->p_filesz < 2 || p->p_filesz > ELF_INTERP_MAX ||
                p->p_offset > INT64_MAX - ELF_INTERP_MAX)
                return -ENOEXEC;
            im.interp_off = p->p_offset;
            im.interp_len = p->p_filesz;
        }
    }
    if (im.nsegs == 0)
        im.unmappable = true;
    *ret = im;
    return 0;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

int script_parse(char *buf, size_t len, const char **ret_name, const char **ret_arg)
{
    if (len < 2 || buf[0] != '#' || buf[1] != '!')
        return -ENOEXEC;
    char *end = memchr(buf, '\n', len), *p = buf + 2;
    if (!end && len < SCRIPT_BUF) {
        end = buf + len;
    } else if (!end) {
        /* The line is longer than what was read: fine as long as the name is whole. */
        char *q = p;
        end = buf + len - 1;
        while (q < end && is_blank(*q))
            q++;
        while (q < end && *q && !is_blank(*q))
            q++;
        if (q == end)
            return -ENOEXEC;
    }
    while (end > p && is_blank(end[-1]))
        end--;
    *end = '\0';
    while (is_blank(*p))
        p++;
    if (!*p)
        return -ENOEXEC;
    *ret_name = p;
    *ret_arg = NULL;
    while (*p && !is_blank(*p))
        p++;
    if (*p) {
        *p++ = '\0';
        while (is_blank(*p))
            p++;
        if (*p)
            *ret_arg = p;
    }
    return 0;
}
