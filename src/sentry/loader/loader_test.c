/* The ELF parser, script lines, argument lists and the first stack. Application memory is a buffer of this file. */
#include "base/test.h"

#include "abi/limits.h"
#include "abi/mman.h"
#include "base/err.h"
#include "sentry/arena/arena.h"
#include "sentry/loader/args.h"
#include "sentry/loader/elf.h"
#include "sentry/loader/stack.h"
#include "sentry/mm/usermem.h"

#include <string.h>

#define APP_BASE 0x20000ULL
static char app[64 * 4096];

ssize_t copy_in_some(struct task *t, void *dst, struct uaddr src, size_t n)
{
    if (src.v < APP_BASE || src.v >= APP_BASE + sizeof(app))
        return -EFAULT;
    n = MIN(n, (size_t)(APP_BASE + sizeof(app) - src.v));
    memcpy(dst, app + (src.v - APP_BASE), n);
    return (ssize_t)n;
}
int copy_in(struct task *t, void *dst, struct uaddr src, size_t n)
{
    return copy_in_some(t, dst, src, n) == (ssize_t)n ? 0 : -EFAULT;
}

static int setup(void **state)
{
    memset(app, 0, sizeof(app));
    return arena_init();
}
static int teardown(void **state)
{
    struct arena_stats st;
    arena_get_stats(&st);
    arena_done();
    return 0;
}

static struct linux_elf64_ehdr good_header(uint16_t type, uint16_t phnum)
{
    struct linux_elf64_ehdr eh = {.e_type = type,
                                  .e_machine = LINUX_EM_X86_64,
                                  .e_entry = 0x1040,
                                  .e_phoff = 64,
                                  .e_phentsize = 56,
                                  .e_phnum = phnum};
    memcpy(eh.e_ident, LINUX_ELFMAG, 4);
    eh.e_ident[LINUX_EI_CLASS] = LINUX_ELFCLASS64;
    return eh;
}

static void test_elf(void **state)
{
    struct linux_elf64_ehdr eh = good_header(LINUX_ET_DYN, 4);
    uint64_t phoff;
    uint16_t n;
    assert_int_equal(elf_header(&eh, sizeof(eh), &phoff, &n), 0);
    assert_int_equal(phoff, 64);
    assert_int_equal(n, 4);
    assert_int_equal(elf_header(&eh, sizeof(eh) - 1, &phoff, &n), -ENOEXEC);
    struct linux_elf64_ehdr bad = eh;
    bad.e_machine = LINUX_EM_386;
    assert_int_equal(elf_header(&bad, sizeof(bad), &phoff, &n), -ENOEXEC);
    bad = eh;
    bad.e_phentsize = 32;
    assert_int_equal(elf_header(&bad, sizeof(bad), &phoff, &n), -ENOEXEC);
    bad = eh;
    bad.e_phnum = 0;
    assert_int_equal(elf_header(&bad, sizeof(bad), &phoff, &n), -ENOEXEC);
    bad = eh;
    bad.e_phoff = UINT64_MAX - 10;
    assert_int_equal(elf_header(&bad, sizeof(bad), &phoff, &n), -ENOEXEC);

    struct linux_elf64_phdr ph[4] = {
        {.p_type = LINUX_PT_INTERP, .p_offset = 0x318, .p_filesz = 28},
        {.p_type = LINUX_PT_LOAD,
         .p_flags = LINUX_PF_R | LINUX_PF_X,
         .p_filesz = 0x2000,
         .p_memsz = 0x2000,
         .p_align = 0x1000},
        {.p_type = LINUX_PT_LOAD,
         .p_flags = LINUX_PF_R | LINUX_PF_W,
         .p_offset = 0x2e00,
         .p_vaddr = 0x203e00,
         .p_filesz = 0x300,
         .p_memsz = 0x5000,
         .p_align = 0x200000},
        {.p_type = LINUX_PT_GNU_STACK, .p_flags = LINUX_PF_R | LINUX_PF_W},
    };
    struct elf_seg segs[4];
    struct elf_image im;
    assert_int_equal(elf_parse(&eh, ph, 4, segs, &im), 0);
    assert_true(im.pie && !im.exec_stack);
    assert_int_equal(im.nsegs, 2);
    assert_int_equal(im.low, 0);
    assert_int_equal(im.high, 0x209000);
    assert_int_equal(im.align, 0x200000);
    assert_int_equal(im.phdr_vaddr, 64);
    assert_int_equal(im.interp_len, 28);
    assert_int_equal(im.bss_end, 0x208e00);
    assert_int_equal(im.end_data, 0x204100);
    assert_int_equal(segs[1].prot, LINUX_PROT_READ | LINUX_PROT_WRITE);

    assert_false(im.unmappable);

    struct linux_elf64_phdr keep = ph[2];
    ph[2].p_filesz = 0; /* then the offset is of no matter */
    ph[2].p_offset++;
    assert_int_equal(elf_parse(&eh, ph, 4, segs, &im), 0);
    assert_true(!im.unmappable && im.nsegs == 2);
    ph[2] = keep;
    ph[2].p_filesz = 0x6000; /* more than memsz */
    assert_int_equal(elf_parse(&eh, ph, 4, segs, &im), 0);
    assert_true(im.unmappable && im.nsegs == 1);
    ph[2] = keep;
    ph[2].p_offset++; /* not congruent */
    assert_int_equal(elf_parse(&eh, ph, 4, segs, &im), 0);
    assert_true(im.unmappable && im.nsegs == 1);
    ph[2] = keep;
    ph[2].p_memsz = UINT64_MAX - 0x100000;
    assert_int_equal(elf_parse(&eh, ph, 4, segs, &im), 0);
    assert_true(im.unmappable && im.nsegs == 1);
    ph[2] = keep;
    assert_int_equal(elf_parse(&eh, ph + 3, 1, segs, &im), 0);
    assert_true(im.unmappable && im.nsegs == 0); /* nothing to load */
    ph[0].p_filesz = 1;
    assert_int_equal(elf_parse(&eh, ph, 4, segs, &im), -ENOEXEC);
}

static int script(const char *text, const char **name, const char **arg)
{
    static char buf[SCRIPT_BUF + 1];
    size_t n = MIN(strlen(text), (size_t)SCRIPT_BUF);
    memcpy(buf, text, n);
    return script_parse(buf, n, name, arg);
}

static void test_script(void **state)
{
    const char *name, *arg;
    assert_int_equal(script("#!/bin/sh\necho\n", &name, &arg), 0);
    assert_string_equal(name, "/bin/sh");
    assert_null(arg);
    assert_int_equal(script("#! \t/usr/bin/env  python3 -x \t\nrest", &name, &arg), 0);
    assert_string_equal(name, "/usr/bin/env");
    assert_string_equal(arg, "python3 -x");
    assert_int_equal(script("#!/bin/sh", &name, &arg), 0);
    assert_string_equal(name, "/bin/sh");
    assert_int_equal(script("#!\n", &name, &arg), -ENOEXEC);
    assert_int_equal(script("#!   \n", &name, &arg), -ENOEXEC);
    assert_int_equal(script("#", &name, &arg), -ENOEXEC);
    assert_int_equal(script("echo", &name, &arg), -ENOEXEC);
    char longer[400];
    memset(longer, 'a', sizeof(longer));
    memcpy(longer, "#!/", 3);
    longer[399] = '\0';
    assert_int_equal(script(longer, &name, &arg), -ENOEXEC); /* the name is cut */
    longer[20] = ' ';
    assert_int_equal(script(longer, &name, &arg), 0); /* only the argument is */
    assert_int_equal(strlen(name), 18);
    assert_int_equal(strlen(arg), 255 - 21);
}

static void put_ptr(uint64_t at, uint64_t v) { memcpy(app + (at - APP_BASE), &v, 8); }

static void test_args(void **state)
{
    struct args_budget b;
    struct args a = {0};
    args_budget_init(&b, 8 << 20);
    assert_int_equal(b.bytes, 2 << 20);
    uint64_t array = APP_BASE + 4096 - 16, text = APP_BASE + 2 * 4096 - 3; /* both cross a page */
    strcpy(app + (text - APP_BASE), "hello");
    strcpy(app + (text - APP_BASE) + 6, "");
    put_ptr(array, text);
    put_ptr(array + 8, text + 6);
    put_ptr(array + 16, text + 1);
    put_ptr(array + 24, 0);
    assert_int_equal(args_copy_in(&a, &b, NULL, UADDR(array)), 0);
    assert_int_equal(a.count, 3);
    assert_memory_equal(a.text, "hello\0\0ello", 12);
    assert_int_equal(a.len, 12);
    const char *with[] = {"/bin/sh", NULL, "/script"};
    assert_int_equal(args_replace_first(&a, &b, with, 3), 0);
    assert_int_equal(a.count, 4);
    assert_memory_equal(a.text, "/bin/sh\0/script\0\0ello", 22);
    args_free(&a);

    assert_int_equal(args_copy_in(&a, &b, NULL, UADDR_NULL), 0);
    assert_int_equal(a.count, 0);
    assert_int_equal(args_copy_in(&a, &b, NULL, UADDR(8)), -EFAULT);
    put_ptr(array, 8);
    assert_int_equal(args_copy_in(&a, &b, NULL, UADDR(array)), -EFAULT);
    args_free(&a);

    memset(app + 8192, 'x', 40 * 4096); /* one string too long */
    put_ptr(array, APP_BASE + 8192);
    assert_int_equal(args_copy_in(&a, &b, NULL, UADDR(array)), -E2BIG);
    args_free(&a);
    app[8192 + LINUX_MAX_ARG_STRLEN - 1] =
        '\0'; /* and one that just fits; the second is over the budget */
    args_budget_init(&b, 0);
    put_ptr(array + 8, APP_BASE + 8192);
    b.bytes += 16;
    put_ptr(array + 8, 0);
    assert_int_equal(args_copy_in(&a, &b, NULL, UADDR(array)), 0);
    put_ptr(array + 8, APP_BASE + 8192);
    assert_int_equal(args_copy_in(&a, &b, NULL, UADDR(array)), -E2BIG);
    args_free(&a);

    for (uint64_t n = 1;; n++) {
        struct args f = {0};
        args_budget_init(&b, 8 << 20);
        arena_fail_after(n);
        int err = args_add(&f, &b, "one", 3);
        if (!err)
            err = args_replace_first(&f, &b, with, 3);
        bool failed = arena_failed();
        arena_fail_after(0);
        assert_int_equal(err, failed ? -ENOMEM : 0);
        args_free(&f);
        if (!failed)
            break;
    }
}

static uint64_t word(const struct stack_image *im, uint64_t top, uint64_t addr)
{
    uint64_t v;
    memcpy(&v, im->bytes + (addr - (top - im->size)), 8);
    return v;
}

static void test_stack(void **state)
{
    struct args argv = {0}, envp = {0};
    struct args_budget b;
    args_budget_init(&b, 8 << 20);
    for (int k = 0; k < 40; k++) {
        uint64_t top = 0x7ff000000000;
        struct stack_spec s = {.top = top,
                               .argv = &argv,
                               .envp = &envp,
                               .execfn = "/bin/prog",
                               .platform = "x86_64",
                               .auxv = {{LINUX_AT_PAGESZ, 4096}},
                               .nauxv = 1};
        struct stack_image im;
        assert_int_equal(stack_build(&s, &im), 0);
        assert_int_equal(im.sp % 16, 0);
        assert_true(im.sp >= top - im.size);
        uint64_t at = im.sp;
        assert_int_equal(word(&im, top, at), argv.count);
        at += 8;
        uint64_t str = im.arg_start;
        for (uint64_t i = 0; i < argv.count; i++, at += 8, str += 4)
            assert_int_equal(word(&im, top, at), str);
        assert_int_equal(str, im.arg_end);
        assert_int_equal(word(&im, top, at), 0);
        at += 8 + 8 * envp.count;
        assert_int_equal(word(&im, top, at), 0);
        at += 8;
        assert_int_equal(at - (top - im.size), im.auxv_off);
        assert_int_equal(word(&im, top, at), LINUX_AT_PAGESZ);
        assert_int_equal(word(&im, top, at + 8), 4096);
        at += 8 * (im.auxv_words - 2);
        assert_int_equal(word(&im, top, at), LINUX_AT_NULL);
        assert_int_equal(word(&im, top, top - 8), 0);
        assert_string_equal((char *)im.bytes + im.size - 8 - 10, "/bin/prog");
        stack_image_free(&im);
        assert_int_equal(args_add(k % 3 ? &argv : &envp, &b, "abc", 3), 0);
    }
    args_free(&argv);
    args_free(&envp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elf),
        cmocka_unit_test(test_script),
        cmocka_unit_test_setup_teardown(test_args, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stack, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
