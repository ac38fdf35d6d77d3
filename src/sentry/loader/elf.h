/* sentry/loader/elf.h - what exec needs to know of an ELF file.
 *
 * Trust    the bytes are the application's: elf_untrusted.c checks every number; what is in struct elf_image is safe to add
 *          and to map.
 * Context  pure: no allocation, no I/O. Fuzzed by fuzz/fuzz_elf.c.
 * Spec     ELF-64 (System V ABI), Linux 6.12 fs/binfmt_elf for what is accepted.
 *
 * I1  of each segment in segs: vaddr and off are congruent modulo the page size, filesz <= memsz, vaddr + memsz <= ELF_SPAN_MAX,
 *     off + filesz does not overflow.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/elf.h"
#include "base/compiler.h"

#define ELF_SPAN_MAX   0x7ffe00000000ULL
#define ELF_PHDRS_MAX  65536u /* bytes of program headers */
#define ELF_INTERP_MAX 4096u

struct elf_seg {
    uint64_t vaddr, off, filesz, memsz;
    uint32_t prot; /* LINUX_PROT_* */
};

struct elf_image {
    bool pie; /* addresses are relative to a base of our choice */
    bool exec_stack;
    bool
        unmappable; /* a segment is not in segs: it cannot be mapped. Linux finds that out when the old program is gone */
    uint64_t entry;
    uint64_t phdr_vaddr; /* of the program headers in memory; 0: not loaded */
    uint16_t phnum;
    uint64_t low, high; /* span of all segments, in whole pages */
    uint64_t align;     /* of the base: a power of two, at least a page */
    uint64_t interp_off,
        interp_len; /* text of PT_INTERP in the file, with its NUL; length 0: none */
    uint64_t start_code, end_code, start_data, end_data, bss_end;
    uint32_t nsegs;
    struct elf_seg *segs; /* the caller's */
};

/* From the first bytes of a file: where its program headers are. -ENOEXEC. */
NODISCARD int elf_header(const void *buf, size_t len, uint64_t *ret_phoff, uint16_t *ret_phnum);
/* ph: phnum program headers as read. segs: room for phnum. -ENOEXEC the interpreter's name is of no possible length. */
NODISCARD int elf_parse(const struct linux_elf64_ehdr *eh, const struct linux_elf64_phdr *ph,
                        uint16_t phnum, struct elf_seg *segs, struct elf_image *ret);

/* The first line of a script. buf: the first len <= SCRIPT_BUF bytes of the file, and one byte more that may be written. name and
 * arg point into buf, which is changed; arg NULL: none. -ENOEXEC not a usable one. */
#define SCRIPT_BUF 256u
NODISCARD int script_parse(char *buf, size_t len, const char **ret_name, const char **ret_arg);
