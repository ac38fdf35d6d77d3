/* abi/filter.h - classic BPF, the language of seccomp(2) filters and of socket filters.
 *
 * Spec     Linux Documentation/networking/filter.rst; struct linux_sock_filter is in abi/seccomp.h.
 */
#ifndef CVISOR_ABI_FILTER_H
#define CVISOR_ABI_FILTER_H

#define LINUX_BPF_CLASS(code) ((code) & 0x07U)
#define LINUX_BPF_LD          0x00U
#define LINUX_BPF_LDX         0x01U
#define LINUX_BPF_ST          0x02U
#define LINUX_BPF_STX         0x03U
#define LINUX_BPF_ALU         0x04U
#define LINUX_BPF_JMP         0x05U
#define LINUX_BPF_RET         0x06U
#define LINUX_BPF_MISC        0x07U
#define LINUX_BPF_W           0x00U
#define LINUX_BPF_IMM         0x00U
#define LINUX_BPF_ABS         0x20U
#define LINUX_BPF_MEM         0x60U
#define LINUX_BPF_LEN         0x80U
#define LINUX_BPF_ADD         0x00U
#define LINUX_BPF_SUB         0x10U
#define LINUX_BPF_MUL         0x20U
#define LINUX_BPF_DIV         0x30U
#define LINUX_BPF_OR          0x40U
#define LINUX_BPF_AND         0x50U
#define LINUX_BPF_LSH         0x60U
#define LINUX_BPF_RSH         0x70U
#define LINUX_BPF_NEG         0x80U
#define LINUX_BPF_XOR         0xa0U
#define LINUX_BPF_JA          0x00U
#define LINUX_BPF_JEQ         0x10U
#define LINUX_BPF_JGT         0x20U
#define LINUX_BPF_JGE         0x30U
#define LINUX_BPF_JSET        0x40U
#define LINUX_BPF_K           0x00U
#define LINUX_BPF_X           0x08U
#define LINUX_BPF_A           0x10U
#define LINUX_BPF_TAX         0x00U
#define LINUX_BPF_TXA         0x80U
#define LINUX_BPF_MAXINSNS    4096U
#define LINUX_BPF_MEMWORDS    16U

#endif
