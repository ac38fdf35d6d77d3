/* What the files of fs_random share. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct stat;

#define NFDS         8
#define PATH_SIZE    64
#define USER         1000u
#define ARRAY_LEN(a) ((unsigned)(sizeof(a) / sizeof((a)[0])))

extern bool show_dirs, show_blocks, on_overlay, other_user;
extern int fds[NFDS]; /* open files; -1: none */

unsigned pick(unsigned n);
void pick_path(char out[PATH_SIZE]);
int pick_slot(void);
int pick_dir(void);
long result(long r);
uint32_t hash(const void *p, size_t n);
void show(const struct stat *st);

/* fs_random_data.c */
void data_start(void);
uint64_t pick_size(void); /* of files, offsets: few, and near pages' borders */
void fill(char *p, size_t n);
void step_open(const char *p, int dir);
void step_map(void);
void step_fd(const char *p, int dir);
void dump_content(const char *path);

/* fs_random_meta.c */
void step_utime(const char *p, int dir, int flags);
void step_xattr(const char *p);
void do_lock(int slot);
void do_meta(int slot);
