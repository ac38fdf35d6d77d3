/* The bytes of an executable: ELF header, program headers, or a script's first line. */
#include "abi/elf.h"
#include "sentry/loader/elf.h"

#include <stdint.h>
#include <string.h>

#define PHDRS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int ok)
{
    if (!ok)
        __builtin_trap();
}

static void one_elf(const uint8_t *data, size_t len)
{
    uint64_t phoff;
    uint16_t n;
    if (elf_header(data, len, &phoff, &n))
        return;
    static struct linux_elf64_phdr ph[PHDRS];
    static struct elf_seg segs[PHDRS];
    struct linux_elf64_ehdr eh;
    memcpy(&eh, data, sizeof(eh));
    if (n > PHDRS)
        n = PHDRS;
    size_t have = len - sizeof(eh) < n * sizeof(ph[0]) ? len - sizeof(eh) : n * sizeof(ph[0]);
    memset(ph, 0, sizeof(ph));
    memcpy(ph, data + sizeof(eh), have);
    struct elf_image im;
    if (elf_parse(&eh, ph, n, segs, &im) || im.unmappable)
        return;
    check(im.nsegs > 0 && im.nsegs <= n && im.low < im.high && im.high <= ELF_SPAN_MAX);
    check((im.align & (im.align - 1)) == 0 && im.align >= 4096);
    for (uint32_t i = 0; i < im.nsegs; i++) {
        const struct elf_seg *s = &segs[i];
        check(s->filesz <= s->memsz && s->vaddr >= im.low && s->vaddr + s->memsz <= im.high);
        check(s->filesz == 0 || (s->vaddr - s->off) % 4096 == 0);
        check(s->off + s->filesz >= s->off);
    }
    check(im.interp_len <= ELF_INTERP_MAX);
}

static void one_script(const uint8_t *data, size_t len)
{
    char buf[SCRIPT_BUF + 1];
    const char *name, *arg;
    if (len > SCRIPT_BUF)
        len = SCRIPT_BUF;
    memcpy(buf, data, len);
    if (script_parse(buf, len, &name, &arg))
        return;
    check(name > buf && name < buf + sizeof(buf) && strlen(name) > 0 && strlen(name) < sizeof(buf));
    check(!arg || strlen(arg) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    one_elf(data, len);
    one_script(data, len);
    return 0;
}
