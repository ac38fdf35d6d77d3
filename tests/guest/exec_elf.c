/* execve: ELF files that a linker would not make, and how deep scripts may go. */
#include "guest.h"

#include <elf.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>

extern char **environ;

#define BASE 0x400000ull
#define CODE 0x800u /* file offset and, from BASE, address of the code */

/* exit(7) */
static const unsigned char code[] = {0xbf, 7, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05};

struct image {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[2];
    char interp[16];
};

/* A program of one segment; a test gives the second. */
static struct image program(void)
{
    struct image im = {0};
    memcpy(im.eh.e_ident, ELFMAG, SELFMAG);
    im.eh.e_ident[EI_CLASS] = ELFCLASS64;
    im.eh.e_ident[EI_DATA] = ELFDATA2LSB;
    im.eh.e_ident[EI_VERSION] = EV_CURRENT;
    im.eh.e_type = ET_EXEC;
    im.eh.e_machine = EM_X86_64;
    im.eh.e_version = EV_CURRENT;
    im.eh.e_entry = BASE + CODE;
    im.eh.e_phoff = offsetof(struct image, ph);
    im.eh.e_ehsize = sizeof(Elf64_Ehdr);
    im.eh.e_phentsize = sizeof(Elf64_Phdr);
    im.eh.e_phnum = 2;
    im.ph[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                            .p_flags = PF_R | PF_X,
                            .p_vaddr = BASE,
                            .p_filesz = 0x1000,
                            .p_memsz = 0x1000,
                            .p_align = 0x1000};
    im.ph[1] = (Elf64_Phdr){.p_type = PT_NULL};
    return im;
}

static const char *name_of(const char *name)
{
    static char path[200];
    snprintf(path, sizeof(path), "%s/%s", guest_dir(), name);
    return path;
}

static void write_file(const char *name, const void *bytes, size_t n)
{
    int fd = CHECK_OK(open(name_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0700));
    CHECK_EQ(write(fd, bytes, n), n);
    CHECK_OK(close(fd));
}

/* The wait status of the file as a program; an error of execve is exit status 100 + errno. */
static int status_of(const char *name)
{
    const char *argv[] = {"x", NULL};
    pid_t pid = CHECK_OK(fork());
    if (pid == 0) {
        syscall(SYS_execve, name_of(name), argv, environ);
        _exit(100 + errno);
    }
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    return status;
}

static int run(const struct image *im)
{
    char file[0x1000] = {0};
    memcpy(file, im, sizeof(*im));
    memcpy(file + CODE, code, sizeof(code));
    write_file("elf", file, sizeof(file));
    return status_of("elf");
}

#define CHECK_EXIT(status, code)                                                                   \
    do {                                                                                           \
        int st_ = (status);                                                                        \
        CHECK(WIFEXITED(st_));                                                                     \
        CHECK_EQ(WEXITSTATUS(st_), code);                                                          \
    } while (0)

#define CHECK_KILLED(status, sig)                                                                  \
    do {                                                                                           \
        int st_ = (status);                                                                        \
        CHECK(WIFSIGNALED(st_));                                                                   \
        CHECK_EQ(WTERMSIG(st_), sig);                                                              \
    } while (0)

TEST(a_segment_of_zeros_only)
{
    struct image im = program();
    CHECK_EXIT(run(&im), 7);
    im.ph[1] = (Elf64_Phdr){.p_type = PT_LOAD,
                            .p_flags = PF_R | PF_W,
                            .p_offset = 0x123, /* of no matter: nothing comes from the file */
                            .p_vaddr = BASE + 0x10000,
                            .p_memsz = 0x2000};
    CHECK_EXIT(run(&im), 7);
}

/* Found when the old program is gone: execve does not return, the process is killed. */
TEST(a_segment_that_cannot_be_mapped_kills)
{
    struct image good = program(), im;
    good.ph[1] = (Elf64_Phdr){.p_type = PT_LOAD,
                              .p_flags = PF_R,
                              .p_vaddr = BASE + 0x10000,
                              .p_filesz = 0x100,
                              .p_memsz = 0x100};
    CHECK_EXIT(run(&good), 7);
    im = good;
    im.ph[1].p_offset = 0x10; /* not congruent with its address */
    CHECK_KILLED(run(&im), SIGSEGV);
    im = good;
    im.ph[1].p_memsz = 0x80; /* less than the file has */
    CHECK_KILLED(run(&im), SIGSEGV);
    im = good;
    im.ph[1].p_vaddr = 0xfffffffffffff000;
    CHECK_KILLED(run(&im), SIGSEGV);
}

TEST(interpreters)
{
    struct image im = program();
    im.ph[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = offsetof(struct image, interp)};
    im.ph[1].p_filesz = sizeof(im.interp);
    strcpy(im.interp, "/nonexistent");
    CHECK_EXIT(run(&im), 100 + ENOENT);
    strcpy(im.interp, ""); /* the working directory */
    CHECK_EXIT(run(&im), 100 + EACCES);
    memset(im.interp, 'x', sizeof(im.interp)); /* no end */
    CHECK_EXIT(run(&im), 100 + ENOEXEC);
    strcpy(im.interp, "x");
    im.ph[1].p_filesz = 1;
    CHECK_EXIT(run(&im), 100 + ENOEXEC);
    im.ph[1].p_filesz = 4097;
    CHECK_EXIT(run(&im), 100 + ENOEXEC);
}

/* Five files may be scripts, the sixth must be the program. */
TEST(scripts_of_scripts)
{
    struct image im = program();
    CHECK_EXIT(run(&im), 7);
    char text[300], name[20], before[20] = "elf";
    for (int i = 1; i <= 6; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        snprintf(text, sizeof(text), "#!%s\n", name_of(before));
        write_file(name, text, strlen(text));
        if (i < 6)
            CHECK_EXIT(status_of(name), 7);
        else
            CHECK_EXIT(status_of(name), 100 + ELOOP);
        strcpy(before, name);
    }
}
