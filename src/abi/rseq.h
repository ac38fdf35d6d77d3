/* abi/rseq.h - restartable sequences: rseq(2). */
#ifndef CVISOR_ABI_RSEQ_H
#define CVISOR_ABI_RSEQ_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define LINUX_RSEQ_FLAG_UNREGISTER               1
#define LINUX_RSEQ_CPU_ID_UNINITIALIZED          (-1)
#define LINUX_RSEQ_CPU_ID_REGISTRATION_FAILED    (-2)
#define LINUX_RSEQ_CS_FLAG_NO_RESTART_ON_PREEMPT 0x1U
#define LINUX_RSEQ_CS_FLAG_NO_RESTART_ON_SIGNAL  0x2U
#define LINUX_RSEQ_CS_FLAG_NO_RESTART_ON_MIGRATE 0x4U

struct linux_rseq {
    uint32_t cpu_id_start;
    uint32_t cpu_id;
    uint64_t rseq_cs; /* application address of the active section's descriptor */
    uint32_t flags;
    uint32_t node_id;
    uint32_t mm_cid;
    uint32_t pad0;
} __attribute__((aligned(32)));
static_assert(sizeof(struct linux_rseq) == 32, "struct rseq");
static_assert(offsetof(struct linux_rseq, flags) == 16, "struct rseq");

struct linux_rseq_cs {
    uint32_t version;
    uint32_t flags;
    uint64_t start_ip;
    uint64_t post_commit_offset;
    uint64_t abort_ip;
} __attribute__((aligned(32)));
static_assert(sizeof(struct linux_rseq_cs) == 32, "struct rseq_cs");

#endif
