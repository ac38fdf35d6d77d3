/* abi/mempolicy.h - memory policies: set_mempolicy(2), mbind(2), move_pages(2). Linux: include/uapi/linux/mempolicy.h. */
#pragma once

#define LINUX_MPOL_DEFAULT             0u
#define LINUX_MPOL_PREFERRED           1u
#define LINUX_MPOL_BIND                2u
#define LINUX_MPOL_INTERLEAVE          3u
#define LINUX_MPOL_LOCAL               4u
#define LINUX_MPOL_PREFERRED_MANY      5u
#define LINUX_MPOL_WEIGHTED_INTERLEAVE 6u
#define LINUX_MPOL_MAX                 7u

#define LINUX_MPOL_F_STATIC_NODES      0x8000u
#define LINUX_MPOL_F_RELATIVE_NODES    0x4000u
#define LINUX_MPOL_F_NUMA_BALANCING    0x2000u
#define LINUX_MPOL_MODE_FLAGS          0xe000u

#define LINUX_MPOL_F_NODE              1u
#define LINUX_MPOL_F_ADDR              2u
#define LINUX_MPOL_F_MEMS_ALLOWED      4u

#define LINUX_MPOL_MF_STRICT           1u
#define LINUX_MPOL_MF_MOVE             2u
#define LINUX_MPOL_MF_MOVE_ALL         4u

#define LINUX_MAX_NUMNODES             1024u
