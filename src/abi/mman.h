/* abi/mman.h - memory mapping.
 *
 * Spec     mmap(2), mprotect(2), mremap(2), madvise(2), msync(2), mlock2(2), memfd_create(2).
 */
#ifndef CVISOR_ABI_MMAN_H
#define CVISOR_ABI_MMAN_H

#define LINUX_PROT_NONE            0x0U
#define LINUX_PROT_READ            0x1U
#define LINUX_PROT_WRITE           0x2U
#define LINUX_PROT_EXEC            0x4U
#define LINUX_PROT_SEM             0x8U
#define LINUX_PROT_GROWSDOWN       0x1000000U
#define LINUX_PROT_GROWSUP         0x2000000U
#define LINUX_MAP_TYPE             0xfU
#define LINUX_MAP_SHARED           0x1U
#define LINUX_MAP_PRIVATE          0x2U
#define LINUX_MAP_SHARED_VALIDATE  0x3U
#define LINUX_MAP_FIXED            0x10U
#define LINUX_MAP_ANONYMOUS        0x20U
#define LINUX_MAP_32BIT            0x40U
#define LINUX_MAP_GROWSDOWN        0x100U
#define LINUX_MAP_DENYWRITE        0x800U
#define LINUX_MAP_EXECUTABLE       0x1000U
#define LINUX_MAP_LOCKED           0x2000U
#define LINUX_MAP_NORESERVE        0x4000U
#define LINUX_MAP_POPULATE         0x8000U
#define LINUX_MAP_NONBLOCK         0x10000U
#define LINUX_MAP_STACK            0x20000U
#define LINUX_MAP_HUGETLB          0x40000U
#define LINUX_MAP_SYNC             0x80000U
#define LINUX_MAP_FIXED_NOREPLACE  0x100000U
#define LINUX_MAP_DROPPABLE        0x8U
#define LINUX_MAP_HUGE_SHIFT       26
#define LINUX_MAP_HUGE_MASK        63
#define LINUX_MREMAP_MAYMOVE       0x1U
#define LINUX_MREMAP_FIXED         0x2U
#define LINUX_MREMAP_DONTUNMAP     0x4U
#define LINUX_MS_ASYNC             0x1U
#define LINUX_MS_INVALIDATE        0x2U
#define LINUX_MS_SYNC              0x4U
#define LINUX_MCL_CURRENT          0x1U
#define LINUX_MCL_FUTURE           0x2U
#define LINUX_MCL_ONFAULT          0x4U
#define LINUX_MLOCK_ONFAULT        0x1U
#define LINUX_MADV_NORMAL          0
#define LINUX_MADV_RANDOM          1
#define LINUX_MADV_SEQUENTIAL      2
#define LINUX_MADV_WILLNEED        3
#define LINUX_MADV_DONTNEED        4
#define LINUX_MADV_FREE            8
#define LINUX_MADV_REMOVE          9
#define LINUX_MADV_DONTFORK        10
#define LINUX_MADV_DOFORK          11
#define LINUX_MADV_MERGEABLE       12
#define LINUX_MADV_UNMERGEABLE     13
#define LINUX_MADV_HUGEPAGE        14
#define LINUX_MADV_NOHUGEPAGE      15
#define LINUX_MADV_DONTDUMP        16
#define LINUX_MADV_DODUMP          17
#define LINUX_MADV_WIPEONFORK      18
#define LINUX_MADV_KEEPONFORK      19
#define LINUX_MADV_COLD            20
#define LINUX_MADV_PAGEOUT         21
#define LINUX_MADV_POPULATE_READ   22
#define LINUX_MADV_POPULATE_WRITE  23
#define LINUX_MADV_DONTNEED_LOCKED 24
#define LINUX_MADV_COLLAPSE        25
#define LINUX_MADV_HWPOISON        100
#define LINUX_MADV_SOFT_OFFLINE    101
#define LINUX_MFD_CLOEXEC          0x1U
#define LINUX_MFD_ALLOW_SEALING    0x2U
#define LINUX_MFD_HUGETLB          0x4U
#define LINUX_MFD_NOEXEC_SEAL      0x8U
#define LINUX_MFD_EXEC             0x10U

#endif
