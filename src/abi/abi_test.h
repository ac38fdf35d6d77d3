/* abi/abi_test.h - one comparison of our ABI with the host's headers; see abi_test.c. */
#ifndef CVISOR_ABI_ABI_TEST_H
#define CVISOR_ABI_ABI_TEST_H

#include "base/compiler.h"

struct abi_row {
    const char *name;
    int64_t ours, theirs;
};

/* Constants (V: under another name), sizes of structures, and places of their fields. */
#define C(n)                  {#n, (int64_t)(LINUX_##n), (int64_t)(n)}
#define V(n, theirs)          {#n, (int64_t)(LINUX_##n), (int64_t)(theirs)}
#define S(ours, theirs)       {"sizeof " #ours, sizeof(struct ours), sizeof(theirs)}
#define F(ours, a, theirs, b) {#ours "." #a, offsetof(struct ours, a), offsetof(theirs, b)}

extern const struct abi_row abi_files_rows[], abi_tasks_rows[], abi_io_rows[], abi_libc_rows[];
extern const size_t abi_files_count, abi_tasks_count, abi_io_count, abi_libc_count;

#endif
