/* abi/dirent.h - directory records of getdents64(2). */
#ifndef CVISOR_ABI_DIRENT_H
#define CVISOR_ABI_DIRENT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_DT_UNKNOWN 0
#define LINUX_DT_FIFO    1
#define LINUX_DT_CHR     2
#define LINUX_DT_DIR     4
#define LINUX_DT_BLK     6
#define LINUX_DT_REG     8
#define LINUX_DT_LNK     10
#define LINUX_DT_SOCK    12
#define LINUX_DT_WHT     14

/* d_name is NUL terminated; records are padded to 8 bytes. */
struct linux_dirent64 {
    uint64_t d_ino;
    int64_t d_off;
    uint16_t d_reclen;
    uint8_t d_type;
    char d_name[];
};
#define LINUX_DIRENT64_HEADER 19
static_assert(offsetof(struct linux_dirent64, d_type) == 18, "struct dirent64");
static_assert(offsetof(struct linux_dirent64, d_name) == LINUX_DIRENT64_HEADER, "struct dirent64");

/* getdents(2): the type is the last byte of the record, after the name's NUL. */
struct linux_dirent {
    uint64_t d_ino;
    uint64_t d_off;
    uint16_t d_reclen;
    char d_name[];
};
#define LINUX_DIRENT_HEADER 18
static_assert(offsetof(struct linux_dirent, d_name) == LINUX_DIRENT_HEADER, "struct dirent");

#endif
