/* abi/names.h - the names of constants, for --strace and messages: data and one lookup.
 *
 * Context  pure; everything here is constant.
 *
 * I1  the first field_count rows are values of (v & field), or of the whole word when field is 0.
 * I2  the others are flags; a flag of several bits comes before those that it contains.
 */
#ifndef CVISOR_ABI_NAMES_H
#define CVISOR_ABI_NAMES_H

#include "base/compiler.h"

struct abi_name {
    uint64_t value;
    const char *name;
};

struct abi_names {
    const struct abi_name *rows;
    uint16_t count;
    uint16_t field_count; /* 0 in tables of values */
    uint64_t field;
};

/* Sets of values: one name a number. */
extern const struct abi_names abi_names_madvice;
extern const struct abi_names abi_names_signal;
extern const struct abi_names abi_names_sighow;
extern const struct abi_names abi_names_sicode;
extern const struct abi_names abi_names_cld;
extern const struct abi_names abi_names_sched;
extern const struct abi_names abi_names_idtype;
extern const struct abi_names abi_names_futex;
extern const struct abi_names abi_names_clock;
extern const struct abi_names abi_names_family;
extern const struct abi_names abi_names_ipproto;
extern const struct abi_names abi_names_socklevel;
extern const struct abi_names abi_names_sockopt;
extern const struct abi_names abi_names_tcpopt;
extern const struct abi_names abi_names_ipopt;
extern const struct abi_names abi_names_ipv6opt;
extern const struct abi_names abi_names_shutdown;
extern const struct abi_names abi_names_ioctl;
extern const struct abi_names abi_names_fcntl;
extern const struct abi_names abi_names_seek;
extern const struct abi_names abi_names_epollop;
extern const struct abi_names abi_names_resource;
extern const struct abi_names abi_names_prctl;
extern const struct abi_names abi_names_archprctl;

/* Sets of flags, with a field of values in some (access mode, mapping type, signal of clone). */
extern const struct abi_names abi_names_open;
extern const struct abi_names abi_names_at;
extern const struct abi_names abi_names_unlink;
extern const struct abi_names abi_names_faccess;
extern const struct abi_names abi_names_rename;
extern const struct abi_names abi_names_access;
extern const struct abi_names abi_names_prot;
extern const struct abi_names abi_names_mmap;
extern const struct abi_names abi_names_mremap;
extern const struct abi_names abi_names_msync;
extern const struct abi_names abi_names_memfd;
extern const struct abi_names abi_names_sigaction;
extern const struct abi_names abi_names_sigstack;
extern const struct abi_names abi_names_clone;
extern const struct abi_names abi_names_wait;
extern const struct abi_names abi_names_socktype;
extern const struct abi_names abi_names_sockflags;
extern const struct abi_names abi_names_msg;
extern const struct abi_names abi_names_flock;
extern const struct abi_names abi_names_epoll;
extern const struct abi_names abi_names_poll;
extern const struct abi_names abi_names_mount;
extern const struct abi_names abi_names_umount;
extern const struct abi_names abi_names_statx;
extern const struct abi_names abi_names_rwf;
extern const struct abi_names abi_names_random;
extern const struct abi_names abi_names_filemode;

/* The name of exactly this value, or NULL. */
const char *abi_name_find(const struct abi_names *names, uint64_t value);

#endif
