/* abi/elf.h - 64-bit ELF files and the auxiliary vector.
 *
 * Spec     ELF-64 object file format, System V ABI (AMD64), getauxval(3).
 */
#ifndef CVISOR_ABI_ELF_H
#define CVISOR_ABI_ELF_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_EI_CLASS          4
#define LINUX_EI_DATA           5
#define LINUX_EI_VERSION        6
#define LINUX_EI_OSABI          7
#define LINUX_EI_ABIVERSION     8
#define LINUX_EI_NIDENT         16
#define LINUX_ELFCLASS32        1
#define LINUX_ELFCLASS64        2
#define LINUX_ELFDATA2LSB       1
#define LINUX_ELFDATA2MSB       2
#define LINUX_EV_CURRENT        1
#define LINUX_ELFMAG            "\177ELF"
#define LINUX_SELFMAG           4
#define LINUX_ET_NONE           0
#define LINUX_ET_REL            1
#define LINUX_ET_EXEC           2
#define LINUX_ET_DYN            3
#define LINUX_ET_CORE           4
#define LINUX_EM_386            3
#define LINUX_EM_X86_64         62
#define LINUX_EM_AARCH64        183
#define LINUX_PT_NULL           0
#define LINUX_PT_LOAD           1
#define LINUX_PT_DYNAMIC        2
#define LINUX_PT_INTERP         3
#define LINUX_PT_NOTE           4
#define LINUX_PT_SHLIB          5
#define LINUX_PT_PHDR           6
#define LINUX_PT_TLS            7
#define LINUX_PT_GNU_EH_FRAME   0x6474e550U
#define LINUX_PT_GNU_STACK      0x6474e551U
#define LINUX_PT_GNU_RELRO      0x6474e552U
#define LINUX_PT_GNU_PROPERTY   0x6474e553U
#define LINUX_PF_X              0x1U
#define LINUX_PF_W              0x2U
#define LINUX_PF_R              0x4U
#define LINUX_SHT_NULL          0
#define LINUX_SHT_PROGBITS      1
#define LINUX_SHT_SYMTAB        2
#define LINUX_SHT_STRTAB        3
#define LINUX_SHT_RELA          4
#define LINUX_SHT_HASH          5
#define LINUX_SHT_DYNAMIC       6
#define LINUX_SHT_NOTE          7
#define LINUX_SHT_NOBITS        8
#define LINUX_SHT_REL           9
#define LINUX_SHT_DYNSYM        11
#define LINUX_SHN_UNDEF         0
#define LINUX_SHN_ABS           65521
#define LINUX_STB_LOCAL         0
#define LINUX_STB_GLOBAL        1
#define LINUX_STB_WEAK          2
#define LINUX_STT_NOTYPE        0
#define LINUX_STT_OBJECT        1
#define LINUX_STT_FUNC          2
#define LINUX_DT_NULL           0
#define LINUX_DT_NEEDED         1
#define LINUX_DT_HASH           4
#define LINUX_DT_STRTAB         5
#define LINUX_DT_SYMTAB         6
#define LINUX_DT_RELA           7
#define LINUX_DT_RELASZ         8
#define LINUX_DT_RELAENT        9
#define LINUX_DT_STRSZ          10
#define LINUX_DT_SYMENT         11
#define LINUX_DT_SONAME         14
#define LINUX_DT_REL            17
#define LINUX_DT_GNU_HASH       0x6ffffef5U
#define LINUX_DT_VERSYM         0x6ffffff0U
#define LINUX_DT_VERDEF         0x6ffffffcU
#define LINUX_DT_VERDEFNUM      0x6ffffffdU
#define LINUX_R_X86_64_NONE     0
#define LINUX_R_X86_64_64       1
#define LINUX_R_X86_64_RELATIVE 8
#define LINUX_PN_XNUM           0xffff

/* Types of the auxiliary vector. */
#define LINUX_AT_NULL              0
#define LINUX_AT_IGNORE            1
#define LINUX_AT_EXECFD            2
#define LINUX_AT_PHDR              3
#define LINUX_AT_PHENT             4
#define LINUX_AT_PHNUM             5
#define LINUX_AT_PAGESZ            6
#define LINUX_AT_BASE              7
#define LINUX_AT_FLAGS             8
#define LINUX_AT_ENTRY             9
#define LINUX_AT_NOTELF            10
#define LINUX_AT_UID               11
#define LINUX_AT_EUID              12
#define LINUX_AT_GID               13
#define LINUX_AT_EGID              14
#define LINUX_AT_PLATFORM          15
#define LINUX_AT_HWCAP             16
#define LINUX_AT_CLKTCK            17
#define LINUX_AT_SECURE            23
#define LINUX_AT_BASE_PLATFORM     24
#define LINUX_AT_RANDOM            25
#define LINUX_AT_HWCAP2            26
#define LINUX_AT_RSEQ_FEATURE_SIZE 27
#define LINUX_AT_RSEQ_ALIGN        28
#define LINUX_AT_EXECFN            31
#define LINUX_AT_SYSINFO_EHDR      33
#define LINUX_AT_MINSIGSTKSZ       51

/* Core and ptrace(2) note types. */
#define LINUX_NT_PRSTATUS     0x1U
#define LINUX_NT_PRFPREG      0x2U
#define LINUX_NT_PRPSINFO     0x3U
#define LINUX_NT_AUXV         0x6U
#define LINUX_NT_FILE         0x46494c45U
#define LINUX_NT_SIGINFO      0x53494749U
#define LINUX_NT_FILE         0x46494c45U
#define LINUX_NT_X86_XSTATE   0x202U
#define LINUX_NT_GNU_BUILD_ID 3

struct linux_elf64_ehdr {
    uint8_t e_ident[LINUX_EI_NIDENT];
    uint16_t e_type;
    uint16_t e_machine;
    uint32_t e_version;
    uint64_t e_entry;
    uint64_t e_phoff;
    uint64_t e_shoff;
    uint32_t e_flags;
    uint16_t e_ehsize;
    uint16_t e_phentsize;
    uint16_t e_phnum;
    uint16_t e_shentsize;
    uint16_t e_shnum;
    uint16_t e_shstrndx;
};
static_assert(sizeof(struct linux_elf64_ehdr) == 64, "Elf64_Ehdr");

struct linux_elf64_phdr {
    uint32_t p_type;
    uint32_t p_flags;
    uint64_t p_offset;
    uint64_t p_vaddr;
    uint64_t p_paddr;
    uint64_t p_filesz;
    uint64_t p_memsz;
    uint64_t p_align;
};
static_assert(sizeof(struct linux_elf64_phdr) == 56, "Elf64_Phdr");

struct linux_elf64_shdr {
    uint32_t sh_name;
    uint32_t sh_type;
    uint64_t sh_flags;
    uint64_t sh_addr;
    uint64_t sh_offset;
    uint64_t sh_size;
    uint32_t sh_link;
    uint32_t sh_info;
    uint64_t sh_addralign;
    uint64_t sh_entsize;
};
static_assert(sizeof(struct linux_elf64_shdr) == 64, "Elf64_Shdr");

struct linux_elf64_sym {
    uint32_t st_name;
    uint8_t st_info; /* binding << 4 | type */
    uint8_t st_other;
    uint16_t st_shndx;
    uint64_t st_value;
    uint64_t st_size;
};
static_assert(sizeof(struct linux_elf64_sym) == 24, "Elf64_Sym");

struct linux_elf64_dyn {
    int64_t d_tag;
    uint64_t d_val;
};
static_assert(sizeof(struct linux_elf64_dyn) == 16, "Elf64_Dyn");

struct linux_elf64_rela {
    uint64_t r_offset;
    uint64_t r_info; /* symbol << 32 | type */
    int64_t r_addend;
};
static_assert(sizeof(struct linux_elf64_rela) == 24, "Elf64_Rela");

struct linux_elf64_nhdr {
    uint32_t n_namesz;
    uint32_t n_descsz;
    uint32_t n_type;
};
static_assert(sizeof(struct linux_elf64_nhdr) == 12, "Elf64_Nhdr");

struct linux_elf64_auxv {
    uint64_t a_type;
    uint64_t a_val;
};
static_assert(sizeof(struct linux_elf64_auxv) == 16, "Elf64_auxv_t");

#endif
