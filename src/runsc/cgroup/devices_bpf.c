/* Device rules of version 2: a program that the kernel asks about each open and mknod of a device.
 *
 * The rule that comes last decides, for each kind of access by itself, as in version 1. So the program goes through the rules
 * from the end with the kinds still undecided in a register: a rule that allows takes its kinds away, and all is well when none
 * is left; a rule that denies one that is left ends it. What no rule speaks of is denied.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/heap.h"
#include "host/host.h"
#include "runsc/cgroup/devices_bpf.h"

enum { LEFT = BPF_REG_6, TYPE = BPF_REG_7, MAJOR = BPF_REG_8, MINOR = BPF_REG_9, TMP = BPF_REG_2 };

#define RULE_INSNS 12 /* at most */
#define ENDS_INSNS 16
#define OLD_MAX    64

struct code {
    struct bpf_insn *v;
    size_t count;
};

static void emit(struct code *c, uint8_t op, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
    c->v[c->count++] = (struct bpf_insn){
        .code = op, .dst_reg = dst & 15, .src_reg = src & 15, .off = off, .imm = imm};
}

static void emit_load(struct code *c, uint8_t dst, size_t off)
{
    emit(c, BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_1, (int16_t)off, 0);
}

static void emit_exit(struct code *c, int32_t value)
{
    emit(c, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
    emit(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int32_t access_bits(uint32_t access)
{
    return (access & OCI_DEVICE_READ ? BPF_DEVCG_ACC_READ : 0) |
           (access & OCI_DEVICE_WRITE ? BPF_DEVCG_ACC_WRITE : 0) |
           (access & OCI_DEVICE_MKNOD ? BPF_DEVCG_ACC_MKNOD : 0);
}

static void emit_rule(struct code *c, const struct oci_device_rule *d)
{
    size_t skips[3], skip_count = 0;
    if (d->type != 'a') {
        skips[skip_count++] = c->count;
        emit(c, BPF_JMP32 | BPF_JNE | BPF_K, TYPE, 0, 0,
             d->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    }
    if (d->major != OCI_ANY) {
        skips[skip_count++] = c->count;
        emit(c, BPF_JMP32 | BPF_JNE | BPF_K, MAJOR, 0, 0, (int32_t)d->major);
    }
    if (d->minor != OCI_ANY) {
        skips[skip_count++] = c->count;
        emit(c, BPF_JMP32 | BPF_JNE | BPF_K, MINOR, 0, 0, (int32_t)d->minor);
    }
    int32_t bits = access_bits(d->access);
    if (d->allow) {
        emit(c, BPF_ALU | BPF_AND | BPF_K, LEFT, 0, 0, ~bits);
        emit(c, BPF_JMP32 | BPF_JNE | BPF_K, LEFT, 0, 2, 0);
        emit_exit(c, 1);
    } else {
        emit(c, BPF_ALU | BPF_MOV | BPF_X, TMP, LEFT, 0, 0);
        emit(c, BPF_ALU | BPF_AND | BPF_K, TMP, 0, 0, bits);
        emit(c, BPF_JMP32 | BPF_JEQ | BPF_K, TMP, 0, 2, 0);
        emit_exit(c, 0);
    }
    for (size_t i = 0; i < skip_count; i++)
        c->v[skips[i]].off = (int16_t)(c->count - skips[i] - 1);
}

int devices_program(const struct oci_resources *res, struct bpf_insn **ret, size_t *ret_count)
{
    size_t rules = (size_t)res->device_count + devices_default_count;
    struct code c = {.v = calloc(rules * RULE_INSNS + ENDS_INSNS, sizeof *c.v)};
    if (!c.v)
        return -ENOMEM;
    emit_load(&c, LEFT, offsetof(struct bpf_cgroup_dev_ctx, access_type));
    emit(&c, BPF_ALU | BPF_MOV | BPF_X, TYPE, LEFT, 0, 0);
    emit(&c, BPF_ALU | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
    emit(&c, BPF_ALU | BPF_RSH | BPF_K, LEFT, 0, 0, 16);
    emit_load(&c, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
    emit_load(&c, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
    for (uint32_t i = devices_default_count; i-- > 0;)
        emit_rule(&c, &devices_default[i]);
    for (uint32_t i = res->device_count; i-- > 0;)
        emit_rule(&c, &res->devices[i]);
    emit_exit(&c, 0);
    *ret = c.v;
    *ret_count = c.count;
    return 0;
}

static int bpf(int cmd, union bpf_attr *attr) { return host_bpf(cmd, attr, sizeof *attr); }

static int program_load(const struct bpf_insn *insns, size_t count)
{
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.insns = (uintptr_t)insns;
    attr.insn_cnt = (uint32_t)count;
    attr.license = (uintptr_t)"Apache-2.0";
    memcpy(attr.prog_name, "devices", sizeof "devices");
    return bpf(BPF_PROG_LOAD, &attr);
}

static int program_attach(int cmd, int dir, int prog)
{
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.target_fd = (uint32_t)dir;
    attr.attach_bpf_fd = (uint32_t)prog;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = cmd == BPF_PROG_ATTACH ? BPF_F_ALLOW_MULTI : 0;
    return bpf(cmd, &attr);
}

/* Those of an earlier call: all programs must agree, so what the new one allows more would not count. */
static int programs_old(int dir, uint32_t ids[OLD_MAX], uint32_t *ret_count)
{
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.query.target_fd = (uint32_t)dir;
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.prog_ids = (uintptr_t)ids;
    attr.query.prog_cnt = OLD_MAX;
    int r = bpf(BPF_PROG_QUERY, &attr);
    *ret_count = r < 0 ? 0 : attr.query.prog_cnt;
    return r;
}

static int program_detach_id(int dir, uint32_t id)
{
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.prog_id = id;
    int fd = bpf(BPF_PROG_GET_FD_BY_ID, &attr);
    if (fd < 0)
        return fd;
    int r = program_attach(BPF_PROG_DETACH, dir, fd);
    (void)close(fd);
    return r;
}

static int program_replace(int dir, int prog)
{
    uint32_t old[OLD_MAX], count = 0;
    int r = programs_old(dir, old, &count);
    if (r == 0)
        r = program_attach(BPF_PROG_ATTACH, dir, prog);
    for (uint32_t i = 0; r == 0 && i < count; i++)
        r = program_detach_id(dir, old[i]);
    return r;
}

int v2_devices(struct cgroup *cg, const struct oci_resources *res, char *err)
{
    const char *path = cg->ctl[CTL_DEVICES].dir;
    AUTO_FREE struct bpf_insn *insns = NULL;
    size_t count = 0;
    int r = devices_program(res, &insns, &count);
    if (r < 0)
        return r;
    int dir = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    r = dir < 0 ? (path ? -errno : -ENOENT) : program_load(insns, count);
    if (r >= 0) {
        int prog = r;
        r = program_replace(dir, prog);
        (void)close(prog);
    }
    if (dir >= 0)
        (void)close(dir);
    if (r < 0)
        cgroup_error(err, "cgroup: cannot set the device rules of %s: %s",
                     path ? path : "version 2", strerror(-r));
    return r < 0 ? r : 0;
}
