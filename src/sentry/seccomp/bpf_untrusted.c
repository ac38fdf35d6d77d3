#include "sentry/seccomp/bpf.h"

#include <errno.h>
#include <string.h>

#include "abi/filter.h"

#define DATA_SIZE ((uint32_t)sizeof(struct linux_seccomp_data))

/* Codes by what their k must be. */
enum k_rule { K_BAD, K_ANY, K_OFFSET, K_WORD, K_NOT_ZERO, K_SHIFT, K_JUMP, K_BRANCH };

static enum k_rule alu_rule(uint16_t code)
{
    switch (code & ~LINUX_BPF_X) {
    case LINUX_BPF_ALU | LINUX_BPF_ADD:
    case LINUX_BPF_ALU | LINUX_BPF_SUB:
    case LINUX_BPF_ALU | LINUX_BPF_MUL:
    case LINUX_BPF_ALU | LINUX_BPF_AND:
    case LINUX_BPF_ALU | LINUX_BPF_OR:
    case LINUX_BPF_ALU | LINUX_BPF_XOR: return K_ANY;
    case LINUX_BPF_ALU | LINUX_BPF_DIV: return code & LINUX_BPF_X ? K_ANY : K_NOT_ZERO;
    case LINUX_BPF_ALU | LINUX_BPF_LSH:
    case LINUX_BPF_ALU | LINUX_BPF_RSH: return code & LINUX_BPF_X ? K_ANY : K_SHIFT;
    case LINUX_BPF_ALU | LINUX_BPF_NEG: return code & LINUX_BPF_X ? K_BAD : K_ANY;
    default: return K_BAD;
    }
}

static enum k_rule rule_of(uint16_t code)
{
    if (LINUX_BPF_CLASS(code) == LINUX_BPF_ALU)
        return alu_rule(code);
    switch (code) {
    case LINUX_BPF_LD | LINUX_BPF_W | LINUX_BPF_ABS: return K_OFFSET;
    case LINUX_BPF_LD | LINUX_BPF_W | LINUX_BPF_LEN:
    case LINUX_BPF_LDX | LINUX_BPF_W | LINUX_BPF_LEN:
    case LINUX_BPF_LD | LINUX_BPF_IMM:
    case LINUX_BPF_LDX | LINUX_BPF_IMM:
    case LINUX_BPF_MISC | LINUX_BPF_TAX:
    case LINUX_BPF_MISC | LINUX_BPF_TXA:
    case LINUX_BPF_RET | LINUX_BPF_K:
    case LINUX_BPF_RET | LINUX_BPF_A: return K_ANY;
    case LINUX_BPF_LD | LINUX_BPF_MEM:
    case LINUX_BPF_LDX | LINUX_BPF_MEM:
    case LINUX_BPF_ST:
    case LINUX_BPF_STX: return K_WORD;
    case LINUX_BPF_JMP | LINUX_BPF_JA: return K_JUMP;
    case LINUX_BPF_JMP | LINUX_BPF_JEQ | LINUX_BPF_K:
    case LINUX_BPF_JMP | LINUX_BPF_JEQ | LINUX_BPF_X:
    case LINUX_BPF_JMP | LINUX_BPF_JGT | LINUX_BPF_K:
    case LINUX_BPF_JMP | LINUX_BPF_JGT | LINUX_BPF_X:
    case LINUX_BPF_JMP | LINUX_BPF_JGE | LINUX_BPF_K:
    case LINUX_BPF_JMP | LINUX_BPF_JGE | LINUX_BPF_X:
    case LINUX_BPF_JMP | LINUX_BPF_JSET | LINUX_BPF_K:
    case LINUX_BPF_JMP | LINUX_BPF_JSET | LINUX_BPF_X: return K_BRANCH;
    default: return K_BAD;
    }
}

/* after: instructions behind this one */
static bool insn_ok(const struct linux_sock_filter *f, uint32_t after)
{
    switch (rule_of(f->code)) {
    case K_ANY: return true;
    case K_OFFSET: return f->k < DATA_SIZE && f->k % 4 == 0;
    case K_WORD: return f->k < LINUX_BPF_MEMWORDS;
    case K_NOT_ZERO: return f->k != 0;
    case K_SHIFT: return f->k < 32;
    case K_JUMP: return f->k < after;
    case K_BRANCH: return f->jt < after && f->jf < after;
    default: return false;
    }
}

/* I2. masks[i]: the words that are written on every way to i; jumps only go forward, so one pass knows them. */
static bool words_ok(const struct linux_sock_filter *prog, uint32_t n)
{
    uint16_t masks[LINUX_BPF_MAXINSNS];
    uint16_t have = 0;
    memset(masks, 0xff, sizeof(masks[0]) * n);
    for (uint32_t i = 0; i < n; i++) {
        const struct linux_sock_filter *f = &prog[i];
        have &= masks[i];
        switch (f->code) {
        case LINUX_BPF_ST:
        case LINUX_BPF_STX: have |= (uint16_t)(1u << f->k); break;
        case LINUX_BPF_LD | LINUX_BPF_MEM:
        case LINUX_BPF_LDX | LINUX_BPF_MEM:
            if (!(have & 1u << f->k))
                return false;
            break;
        case LINUX_BPF_JMP | LINUX_BPF_JA:
            masks[i + 1 + f->k] &= have;
            have = 0xffff;
            break;
        default:
            if (LINUX_BPF_CLASS(f->code) == LINUX_BPF_JMP) {
                masks[i + 1 + f->jt] &= have;
                masks[i + 1 + f->jf] &= have;
                have = 0xffff;
            }
            break;
        }
    }
    return true;
}

int bpf_check(const struct linux_sock_filter *prog, uint32_t n)
{
    if (n == 0 || n > LINUX_BPF_MAXINSNS)
        return -EINVAL;
    for (uint32_t i = 0; i < n; i++)
        if (!insn_ok(&prog[i], n - i - 1))
            return -EINVAL;
    if (LINUX_BPF_CLASS(prog[n - 1].code) != LINUX_BPF_RET || !words_ok(prog, n))
        return -EINVAL;
    return 0;
}

static uint32_t word_at(const struct linux_seccomp_data *d, uint32_t off)
{
    uint32_t v;
    memcpy(&v, (const uint8_t *)d + off, sizeof(v));
    return v;
}

/* False: division by zero, which ends the program with the answer 0. */
static bool alu(uint16_t code, uint32_t *a, uint32_t b)
{
    switch (code & 0xf0u) {
    case LINUX_BPF_ADD: *a += b; break;
    case LINUX_BPF_SUB: *a -= b; break;
    case LINUX_BPF_MUL: *a *= b; break;
    case LINUX_BPF_DIV:
        if (b == 0)
            return false;
        *a /= b;
        break;
    case LINUX_BPF_OR: *a |= b; break;
    case LINUX_BPF_AND: *a &= b; break;
    case LINUX_BPF_XOR: *a ^= b; break;
    case LINUX_BPF_LSH: *a <<= b & 31; break;
    case LINUX_BPF_RSH: *a >>= b & 31; break;
    default: *a = -*a; break;
    }
    return true;
}

static bool taken(uint16_t code, uint32_t a, uint32_t b)
{
    switch (code & 0xf0u) {
    case LINUX_BPF_JEQ: return a == b;
    case LINUX_BPF_JGT: return a > b;
    case LINUX_BPF_JGE: return a >= b;
    default: return (a & b) != 0;
    }
}

uint32_t bpf_run(const struct linux_sock_filter *prog, uint32_t n,
                 const struct linux_seccomp_data *d)
{
    uint32_t a = 0;
    uint32_t x = 0;
    uint32_t mem[LINUX_BPF_MEMWORDS] = {0};
    for (uint32_t i = 0; i < n; i++) {
        const struct linux_sock_filter *f = &prog[i];
        uint32_t b = f->code & LINUX_BPF_X ? x : f->k;
        switch (f->code) {
        case LINUX_BPF_LD | LINUX_BPF_W | LINUX_BPF_ABS: a = word_at(d, f->k); continue;
        case LINUX_BPF_LD | LINUX_BPF_W | LINUX_BPF_LEN: a = DATA_SIZE; continue;
        case LINUX_BPF_LDX | LINUX_BPF_W | LINUX_BPF_LEN: x = DATA_SIZE; continue;
        case LINUX_BPF_LD | LINUX_BPF_IMM: a = f->k; continue;
        case LINUX_BPF_LDX | LINUX_BPF_IMM: x = f->k; continue;
        case LINUX_BPF_LD | LINUX_BPF_MEM: a = mem[f->k]; continue;
        case LINUX_BPF_LDX | LINUX_BPF_MEM: x = mem[f->k]; continue;
        case LINUX_BPF_ST: mem[f->k] = a; continue;
        case LINUX_BPF_STX: mem[f->k] = x; continue;
        case LINUX_BPF_MISC | LINUX_BPF_TAX: x = a; continue;
        case LINUX_BPF_MISC | LINUX_BPF_TXA: a = x; continue;
        case LINUX_BPF_RET | LINUX_BPF_K: return f->k;
        case LINUX_BPF_RET | LINUX_BPF_A: return a;
        case LINUX_BPF_JMP | LINUX_BPF_JA: i += f->k; continue;
        default: break;
        }
        if (LINUX_BPF_CLASS(f->code) == LINUX_BPF_JMP)
            i += taken(f->code, a, b) ? f->jt : f->jf;
        else if (!alu(f->code, &a, b))
            return 0;
    }
    return LINUX_SECCOMP_RET_KILL_PROCESS; /* not reached: I1 */
}

bool bpf_constant(const struct linux_sock_filter *prog, uint32_t n, uint32_t nr, uint32_t arch,
                  uint32_t *ret)
{
    uint32_t a = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct linux_sock_filter *f = &prog[i];
        switch (f->code) {
        case LINUX_BPF_LD | LINUX_BPF_W | LINUX_BPF_ABS:
            if (f->k > offsetof(struct linux_seccomp_data, arch))
                return false;
            a = f->k == 0 ? nr : arch;
            continue;
        case LINUX_BPF_RET | LINUX_BPF_K: *ret = f->k; return true;
        case LINUX_BPF_JMP | LINUX_BPF_JA: i += f->k; continue;
        case LINUX_BPF_ALU | LINUX_BPF_AND | LINUX_BPF_K: a &= f->k; continue;
        case LINUX_BPF_JMP | LINUX_BPF_JEQ | LINUX_BPF_K:
        case LINUX_BPF_JMP | LINUX_BPF_JGT | LINUX_BPF_K:
        case LINUX_BPF_JMP | LINUX_BPF_JGE | LINUX_BPF_K:
        case LINUX_BPF_JMP | LINUX_BPF_JSET | LINUX_BPF_K:
            i += taken(f->code, a, f->k) ? f->jt : f->jf;
            continue;
        default: return false;
        }
    }
    return false;
}
