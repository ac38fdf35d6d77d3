/* What was used, from files with the text that Linux gives. */
#include "runsc/cgroup/fake_test.h"

static char err[CGROUP_ERROR_MAX];

static struct cgroup *made(void)
{
    struct cgroup *cg = NULL;
    struct cgroup_request rq = {
        .root = fake.root, .self = fake_self("0::/\n"), .path = "/c", .id = "id"};
    assert_int_equal(cgroup_open(&rq, &cg, err), 0);
    assert_int_equal(cgroup_create(cg, NULL, 0, err), 0);
    return cg;
}

static struct cgroup_stats stats;

static void version_1(void **state)
{
    fake_start();
    fake_v1();
    fake_v2("unified", "hugetlb");
    struct cgroup *cg = made();
    fake_set("memory/c", "memory.usage_in_bytes", "4096\n");
    fake_set("memory/c", "memory.max_usage_in_bytes", "8192\n");
    fake_set("memory/c", "memory.failcnt", "3\n");
    fake_set("memory/c", "memory.limit_in_bytes", "9223372036854771712\n");
    fake_set("memory/c", "memory.memsw.limit_in_bytes", "1000000\n");
    fake_set("memory/c", "memory.stat", "cache 1\nrss 2\ntotal_cache 100\ntotal_rss 200\n");
    fake_set("memory/c", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n");
    fake_set("cpu,cpuacct/c", "cpuacct.usage", "123456789\n");
    fake_set("cpu,cpuacct/c", "cpuacct.usage_percpu", "100 20 3 \n");
    fake_set("cpu,cpuacct/c", "cpu.stat", "nr_periods 5\nnr_throttled 2\nthrottled_time 900\n");
    fake_set("pids/c", "pids.current", "12\n");
    fake_set("pids/c", "pids.max", "max\n");
    fake_set(
        "blkio/c", "blkio.throttle.io_service_bytes_recursive",
        "8:0 Read 512\n8:0 Write 1024\n8:0 Sync 9\n8:0 Total 1536\n253:1 Read 1\nTotal 1537\n");
    fake_set("blkio/c", "blkio.throttle.io_serviced_recursive", "8:0 Read 1\n8:0 Write 2\n");
    fake_set("unified/c", "hugetlb.2MB.current", "2097152\n");
    fake_set("unified/c", "hugetlb.2MB.events", "max 4\n");
    assert_int_equal(cgroup_stats_read(cg, &stats), 0);
    assert_int_equal(stats.memory.usage, 4096);
    assert_int_equal(stats.memory.max_usage, 8192);
    assert_int_equal(stats.memory.failcnt, 3);
    assert_true(stats.memory.limit == UINT64_MAX);
    assert_int_equal(stats.swap.limit, 1000000);
    assert_int_equal(stats.cache, 100);
    assert_int_equal(stats.rss, 200);
    assert_int_equal(stats.oom_kills, 7);
    assert_int_equal(stats.cpu_total_ns, 123456789);
    assert_int_equal(stats.cpus, 3);
    assert_int_equal(stats.cpu_ns[1], 20);
    assert_int_equal(stats.throttled_periods, 2);
    assert_int_equal(stats.throttled_ns, 900);
    assert_int_equal(stats.pids, 12);
    assert_true(stats.pids_limit == UINT64_MAX);
    assert_int_equal(stats.disk_count, 2);
    assert_int_equal(stats.disks[0].read_bytes, 512);
    assert_int_equal(stats.disks[0].write_bytes, 1024);
    assert_int_equal(stats.disks[0].writes, 2);
    assert_int_equal(stats.disks[1].minor, 1);
    assert_int_equal(stats.hugetlb_count, 1);
    assert_string_equal(stats.hugetlb[0].page_size, "2MB");
    assert_int_equal(stats.hugetlb[0].usage, 2097152);
    assert_int_equal(stats.hugetlb[0].failcnt, 4);
    cgroup_free(cg);
    fake_end();
}

static void version_2(void **state)
{
    fake_start();
    fake_v2(".", "cpu memory io pids");
    struct cgroup *cg = made();
    fake_set("c", "memory.current", "4096\n");
    fake_set("c", "memory.peak", "5000\n");
    fake_set("c", "memory.max", "100000\n");
    fake_set("c", "memory.swap.current", "10\n");
    fake_set("c", "memory.swap.max", "50\n");
    fake_set("c", "memory.events", "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\n");
    fake_set("c", "memory.stat",
             "anon 11\nfile 22\nkernel 33\nsock 44\nfile_mapped 55\n"
             "inactive_file 66\npgfault 77\npgmajfault 8\n");
    fake_set("c", "cpu.stat",
             "usage_usec 10\nuser_usec 7\nsystem_usec 3\nnr_periods 4\n"
             "nr_throttled 1\nthrottled_usec 2\n");
    fake_set("c", "pids.current", "3\n");
    fake_set("c", "pids.max", "30\n");
    fake_set("c", "io.stat",
             "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\nnonsense\n9:1 rbytes=5\n");
    assert_int_equal(cgroup_stats_read(cg, &stats), 0);
    assert_int_equal(stats.memory.usage, 4096);
    assert_int_equal(stats.memory.max_usage, 5000);
    assert_int_equal(stats.memory.limit, 100000);
    assert_int_equal(stats.memory.failcnt, 9);
    assert_int_equal(stats.swap.usage, 4106);
    assert_int_equal(stats.swap.limit, 100050);
    assert_int_equal(stats.oom_kills, 1);
    assert_int_equal(stats.kernel.usage, 33);
    assert_int_equal(stats.inactive_file, 66);
    assert_int_equal(stats.cpu_total_ns, 10000);
    assert_int_equal(stats.throttled_ns, 2000);
    assert_int_equal(stats.pids_limit, 30);
    assert_int_equal(stats.disk_count, 2);
    assert_int_equal(stats.disks[0].writes, 4);
    assert_int_equal(stats.disks[1].read_bytes, 5);
    /* Gone: nothing is known any more. */
    assert_int_equal(cgroup_delete(cg, err), 0);
    assert_int_equal(cgroup_stats_read(cg, &stats), -ENOENT);
    cgroup_free(cg);
    fake_end();
}

/* A file that a test changes is an event of inotify, as the kernel's own change of it. */
static void out_of_memory(void **state)
{
    uint64_t kills = 9;
    bool gone = true;
    fake_start();
    fake_v2(".", "memory");
    struct cgroup *cg = made();
    fake_set("c", "memory.events", "oom_kill 0\n");
    int fd = cgroup_oom_open(cg);
    assert_true(fd >= 0);
    assert_int_equal(cgroup_oom_read(cg, fd, &kills, &gone), 0);
    assert_true(kills == 0 && !gone);
    fake_set("c", "memory.events", "oom_kill 2\n");
    char byte[4096];
    assert_true(read(fd, byte, sizeof byte) > 0);
    assert_int_equal(cgroup_oom_read(cg, fd, &kills, &gone), 0);
    assert_true(kills == 2 && !gone);
    assert_int_equal(cgroup_delete(cg, err), 0);
    assert_int_equal(cgroup_oom_read(cg, fd, &kills, &gone), 0);
    assert_true(gone);
    assert_int_equal(close(fd), 0);
    cgroup_free(cg);
    fake_end();
}

static void frozen(void **state)
{
    fake_start();
    fake_v1();
    struct cgroup *cg = made();
    assert_int_equal(cgroup_freeze(cg, true, err), 0);
    fake_wrote("freezer/c/freezer.state=FROZEN");
    assert_int_equal(cgroup_freeze(cg, false, err), 0);
    fake_wrote("freezer/c/freezer.state=THAWED");
    cgroup_free(cg);
    fake_end();
    fake_start();
    fake_v2(".", "memory");
    cg = made();
    fake_set("c", "cgroup.events", "populated 1\nfrozen 1\n");
    assert_int_equal(cgroup_freeze(cg, true, err), 0);
    fake_wrote("c/cgroup.freeze=1");
    cgroup_free(cg);
    fake_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1),
        cmocka_unit_test(version_2),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(frozen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
