/* Figures of both versions, from files as the kernel writes them. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/metrics.h"

static char dir[] = "/tmp/metrics-XXXXXX";
static const char *made[32];
static size_t made_count;

static void file_make(const char *name, const char *text)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    made[made_count++] = name;
}

static int setup(void **state)
{
    memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    for (; made_count > 0; made_count--) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/%s", dir, made[made_count - 1]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

static void test_v2(void **state)
{
    file_make("cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 3\nnr_throttled "
                          "2\nthrottled_usec 1\n");
    file_make(
        "memory.stat",
        "anon 4096\nfile 8192\nslab 5\nworkingset_refault_file 6\nunknown 7\ninactive_file 9\n");
    file_make("memory.current", "12288\n");
    file_make("memory.max", "max\n");
    file_make("memory.peak", "20000\n");
    file_make("memory.events", "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 0\n");
    file_make("pids.current", "3\n");
    file_make("pids.max", "100\n");
    file_make("io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n254:16 \nbad\n");
    file_make("hugetlb.2MB.current", "2097152\n");
    file_make("hugetlb.2MB.max", "max\n");
    file_make("hugetlb.2MB.rsvd.current", "1\n");
    struct metrics m = {.v2 = true, .path = {dir}};
    Pb__Any any;
    assert_int_equal(metrics_read(&m, NULL, &any), 0);
    assert_string_equal(any.type_url, "io.containerd.cgroups.v2.Metrics");
    Pb__V2Metrics *v = pb__v2_metrics__unpack(NULL, any.value.len, any.value.data);
    assert_non_null(v);
    assert_int_equal(v->cpu->usage_usec, 30);
    assert_int_equal(v->cpu->throttled_usec, 1);
    assert_int_equal(v->memory->anon, 4096);
    assert_int_equal(v->memory->workingset_refault, 6);
    assert_int_equal(v->memory->inactive_file, 9);
    assert_int_equal(v->memory->usage, 12288);
    assert_int_equal(v->memory->usage_limit, UINT64_MAX);
    assert_int_equal(v->memory->max_usage, 20000);
    assert_int_equal(v->memory_events->oom_kill, 4);
    assert_int_equal(v->pids->current, 3);
    assert_int_equal(v->pids->limit, 100);
    assert_int_equal(v->io->n_usage, 2);
    assert_int_equal(v->io->usage[0]->major, 8);
    assert_int_equal(v->io->usage[0]->wios, 4);
    assert_int_equal(v->io->usage[1]->minor, 16);
    assert_int_equal(v->n_hugetlb, 1);
    assert_string_equal(v->hugetlb[0]->pagesize, "2MB");
    assert_int_equal(v->hugetlb[0]->current, 2097152);
    assert_int_equal(v->hugetlb[0]->max, UINT64_MAX);
    pb__v2_metrics__free_unpacked(v, NULL);
    free(any.value.data);
}

static void test_v1(void **state)
{
    file_make("cpuacct.usage", "1000\n");
    file_make("cpuacct.usage_user", "600\n");
    file_make("cpuacct.usage_sys", "400\n");
    file_make("cpuacct.usage_percpu", "700 300 \n");
    file_make("cpu.stat", "nr_periods 5\nnr_throttled 4\nthrottled_time 3\n");
    file_make(
        "memory.stat",
        "cache 1\nrss 2\ntotal_inactive_file 3\nhierarchical_memory_limit 9223372036854771712\n");
    file_make("memory.usage_in_bytes", "50\n");
    file_make("memory.limit_in_bytes", "100\n");
    file_make("memory.max_usage_in_bytes", "60\n");
    file_make("memory.failcnt", "7\n");
    file_make("memory.memsw.usage_in_bytes", "51\n");
    file_make("memory.oom_control", "oom_kill_disable 0\nunder_oom 1\noom_kill 2\n");
    file_make("pids.current", "1\n");
    file_make("pids.max", "max\n");
    file_make("blkio.throttle.io_service_bytes_recursive",
              "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n");
    file_make("blkio.throttle.io_serviced_recursive", "Total 0\n");
    file_make("hugetlb.1GB.usage_in_bytes", "3\n");
    file_make("hugetlb.1GB.max_usage_in_bytes", "4\n");
    struct metrics m = {.path = {dir, dir, dir, dir, dir, dir}};
    Pb__Any any;
    assert_int_equal(metrics_read(&m, NULL, &any), 0);
    assert_string_equal(any.type_url, "io.containerd.cgroups.v1.Metrics");
    Pb__V1Metrics *v = pb__v1_metrics__unpack(NULL, any.value.len, any.value.data);
    assert_non_null(v);
    assert_int_equal(v->cpu->usage->total, 1000);
    assert_int_equal(v->cpu->usage->kernel, 400);
    assert_int_equal(v->cpu->usage->n_per_cpu, 2);
    assert_int_equal(v->cpu->usage->per_cpu[1], 300);
    assert_int_equal(v->cpu->throttling->throttled_time, 3);
    assert_int_equal(v->memory->rss, 2);
    assert_int_equal(v->memory->total_inactive_file, 3);
    assert_int_equal(v->memory->usage->limit, 100);
    assert_int_equal(v->memory->usage->usage, 50);
    assert_int_equal(v->memory->usage->max, 60);
    assert_int_equal(v->memory->usage->failcnt, 7);
    assert_int_equal(v->memory->swap->usage, 51);
    assert_int_equal(v->memory_oom_control->oom_kill, 2);
    assert_int_equal(v->pids->current, 1);
    assert_int_equal(v->pids->limit, 0);
    assert_int_equal(v->blkio->n_io_service_bytes_recursive, 3);
    assert_string_equal(v->blkio->io_service_bytes_recursive[1]->op, "Write");
    assert_int_equal(v->blkio->io_service_bytes_recursive[1]->value, 20);
    assert_int_equal(v->blkio->n_io_serviced_recursive, 0);
    assert_int_equal(v->n_hugetlb, 1);
    assert_string_equal(v->hugetlb[0]->pagesize, "1GB");
    assert_int_equal(v->hugetlb[0]->max, 4);
    pb__v1_metrics__free_unpacked(v, NULL);
    free(any.value.data);
}

static const struct metrics_inside inside = {.cpu_user_ns = 5000,
                                             .cpu_system_ns = 3000,
                                             .memory = 70,
                                             .memory_max = 80,
                                             .cache = 30,
                                             .pids = 9,
                                             .oom_kills = 1};

/* The limits are the group's, what was used is what the sandbox has counted. */
static void test_inside_v1(void **state)
{
    file_make("cpuacct.usage", "1000\n");
    file_make("memory.stat",
              "total_cache 1\ntotal_inactive_file 3\nhierarchical_memory_limit 50\n");
    file_make("memory.usage_in_bytes", "50\n");
    file_make("memory.limit_in_bytes", "100\n");
    file_make("pids.max", "11\n");
    struct metrics m = {.path = {dir, dir, dir, dir, dir, dir}};
    Pb__Any any;
    assert_int_equal(metrics_read(&m, &inside, &any), 0);
    Pb__V1Metrics *v = pb__v1_metrics__unpack(NULL, any.value.len, any.value.data);
    assert_non_null(v);
    assert_int_equal(v->cpu->usage->total, 8000);
    assert_int_equal(v->cpu->usage->n_per_cpu, 0);
    assert_int_equal(v->memory->usage->usage, 70);
    assert_int_equal(v->memory->usage->max, 80);
    assert_int_equal(v->memory->usage->limit, 100);
    assert_int_equal(v->memory->total_rss, 40);
    assert_int_equal(v->memory->total_cache, 30);
    assert_int_equal(v->memory->total_inactive_file, 0);
    assert_int_equal(v->memory->hierarchical_memory_limit, 50);
    assert_int_equal(v->memory_oom_control->oom_kill, 1);
    assert_int_equal(v->pids->current, 9);
    assert_int_equal(v->pids->limit, 11);
    pb__v1_metrics__free_unpacked(v, NULL);
    free(any.value.data);
}

static void test_inside_v2(void **state)
{
    file_make("cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_throttled 2\n");
    file_make("memory.stat", "anon 4096\nslab 5\n");
    file_make("memory.current", "12288\n");
    file_make("memory.max", "100000\n");
    struct metrics m = {.v2 = true, .path = {dir}};
    Pb__Any any;
    assert_int_equal(metrics_read(&m, &inside, &any), 0);
    Pb__V2Metrics *v = pb__v2_metrics__unpack(NULL, any.value.len, any.value.data);
    assert_non_null(v);
    assert_int_equal(v->cpu->usage_usec, 8);
    assert_int_equal(v->cpu->nr_throttled, 2);
    assert_int_equal(v->memory->usage, 70);
    assert_int_equal(v->memory->max_usage, 80);
    assert_int_equal(v->memory->usage_limit, 100000);
    assert_int_equal(v->memory->anon, 40);
    assert_int_equal(v->memory->slab, 0);
    assert_int_equal(v->memory_events->oom_kill, 1);
    assert_int_equal(v->pids->current, 9);
    pb__v2_metrics__free_unpacked(v, NULL);
    free(any.value.data);
}

static void test_gone(void **state)
{
    struct metrics none = {0}, gone = {.v2 = true, .path = {(char[]){"/no/such/dir"}}};
    Pb__Any any;
    assert_int_equal(metrics_read(&none, NULL, &any), -ENODATA);
    assert_int_equal(metrics_read(&gone, NULL, &any), -ENODATA);
    assert_int_equal(metrics_open(&none, getpid()), -ENODATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_v2, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v1, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inside_v1, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inside_v2, setup, teardown),
        cmocka_unit_test(test_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
