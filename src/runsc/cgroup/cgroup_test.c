/* Groups of both versions and of both at once, on a tree of plain files. */
#include "runsc/cgroup/fake_test.h"

#include <jansson.h>

#include "wire/boot_config.h"

#define SELF "12:memory:/me\n3:cpu,cpuacct:/me\n2:cpuset:/me\n1:name=systemd:/me\n0::/me/leaf\n"

static char err[CGROUP_ERROR_MAX];

static struct oci_resources limits(const char *json)
{
    struct oci_resources res;
    char why[512];
    int r = oci_resources_parse("test", json, strlen(json), &res, why);
    if (r < 0)
        fail_msg("%s", why);
    return res;
}

static struct cgroup *opened(const char *path, bool systemd)
{
    struct cgroup *cg = NULL;
    struct cgroup_request rq = {
        .root = fake.root, .self = fake_self(SELF), .path = path, .id = "id", .systemd = systemd};
    err[0] = '\0';
    int r = cgroup_open(&rq, &cg, err);
    if (r < 0)
        fail_msg("%s", err);
    return cg;
}

static int open_error(const char *path, bool systemd)
{
    struct cgroup *cg = NULL;
    struct cgroup_request rq = {
        .root = fake.root, .self = fake_self(SELF), .path = path, .id = "id", .systemd = systemd};
    err[0] = '\0';
    int r = cgroup_open(&rq, &cg, err);
    assert_null(cg);
    assert_true(err[0] != '\0');
    return r;
}

/* Creates a group "/c" with these limits; the error. */
static int create(const char *json, pid_t pid)
{
    struct oci_resources res = limits(json);
    struct cgroup *cg = opened("/c", false);
    fake_log_clear();
    int r = cgroup_create(cg, &res, pid, err);
    cgroup_free(cg);
    oci_resources_done(&res);
    return r;
}

static void refused(const char *json, int want, const char *word)
{
    assert_int_equal(create(json, 5), want);
    if (!strstr(err, word))
        fail_msg("\"%s\" is not in: %s", word, err);
    assert_false(fake_has("memory/c"));
    assert_false(fake_has("c"));
}

static int dir_is(const struct cgroup *cg, const char *controller, const char *want)
{
    const char *dir = cgroup_dir(cg, controller);
    return dir && strcmp(dir + strlen(fake.root), want) == 0;
}

/* ---- names ---- */

static void names_v1(void **state)
{
    fake_start();
    fake_v1();
    assert_int_equal(mkdirat(AT_FDCWD, fake_path(fake.root, "memory/me"), 0755), 0);
    struct cgroup *cg = opened("/a/../../b//./c", false);
    assert_true(dir_is(cg, "memory", "/memory/b/c"));
    assert_true(dir_is(cg, "cpu", "/cpu,cpuacct/b/c"));
    assert_true(dir_is(cg, "cpuacct", "/cpu,cpuacct/b/c"));
    assert_true(dir_is(cg, "systemd", "/systemd/b/c"));
    assert_null(cgroup_dir(cg, "hugetlb"));
    assert_false(cgroup_unified(cg) || cgroup_exists(cg));
    cgroup_free(cg);
    /* Relative to runsc's own group, where that can be seen. */
    cg = opened("../../x", false);
    assert_true(dir_is(cg, "memory", "/memory/me/x"));
    assert_true(dir_is(cg, "cpuset", "/cpuset/x"));
    cgroup_free(cg);
    cg = opened("", false);
    assert_true(dir_is(cg, "memory", "/memory/me/id"));
    cgroup_free(cg);
    assert_int_equal(open_error("/", false), -EINVAL);
    assert_int_equal(open_error("/..", false), -EINVAL);
    assert_int_equal(open_error("..", false), -EINVAL);
    fake_end();
}

static void names_v2(void **state)
{
    fake_start();
    fake_v2(".", "cpu memory");
    struct cgroup *cg = opened("/a", false);
    assert_true(cgroup_unified(cg) && dir_is(cg, "memory", "/a") && dir_is(cg, "devices", "/a"));
    assert_null(cgroup_dir(cg, "io"));
    cgroup_free(cg);
    assert_int_equal(mkdirat(AT_FDCWD, fake_path(fake.root, "me"), 0755), 0);
    assert_int_equal(mkdirat(AT_FDCWD, fake_path(fake.root, "me/leaf"), 0755), 0);
    cg = opened(NULL, false); /* beside the group that has processes */
    assert_true(dir_is(cg, "cpu", "/me/id"));
    cgroup_free(cg);
    fake_end();
}

static void no_hierarchy(void **state)
{
    fake_start();
    assert_int_equal(open_error("/a", false), -ENOENT);
    assert_non_null(strstr(err, "--ignore-cgroups"));
    fake_end();
}

/* ---- version 1 ---- */

static void all_of_v1(void **state)
{
    fake_start();
    fake_v1();
    assert_int_equal(
        create(
            "{\"memory\":{\"limit\":1000,\"swap\":3000,\"reservation\":500,\"kernelTCP\":70,"
            "\"swappiness\":10,\"disableOOMKiller\":true},"
            "\"cpu\":{\"shares\":512,\"quota\":50000,\"period\":100000,\"burst\":10,"
            "\"realtimeRuntime\":7,\"realtimePeriod\":8,\"cpus\":\"1-2\",\"mems\":\"0\"},"
            "\"pids\":{\"limit\":100},"
            "\"blockIO\":{\"weight\":50,\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":20}],"
            "\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":1}],"
            "\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":16,\"rate\":2}]},"
            "\"network\":{\"classID\":9,\"priorities\":[{\"name\":\"lo\",\"priority\":3}]},"
            "\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
            "{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":200,\"access\":\"rw\"}]}",
            77),
        0);
    static const char *const lines[] = {
        "memory/c/memory.limit_in_bytes=1000",
        "memory/c/memory.memsw.limit_in_bytes=3000",
        "memory/c/memory.soft_limit_in_bytes=500",
        "memory/c/memory.kmem.tcp.limit_in_bytes=70",
        "memory/c/memory.swappiness=10",
        "memory/c/memory.oom_control=1",
        "cpu,cpuacct/c/cpu.shares=512",
        "cpu,cpuacct/c/cpu.cfs_quota_us=50000",
        "cpu,cpuacct/c/cpu.cfs_period_us=100000",
        "cpu,cpuacct/c/cpu.cfs_burst_us=10",
        "pids/c/pids.max=100",
        "blkio/c/blkio.bfq.weight=50",
        "blkio/c/blkio.bfq.weight_device=8:0 20",
        "blkio/c/blkio.throttle.read_bps_device=8:0 1",
        "blkio/c/blkio.throttle.write_iops_device=8:16 2",
        "net_cls/c/net_cls.classid=9",
        "net_prio/c/net_prio.ifpriomap=lo 3",
        "devices/c/devices.allow=c 10:200 rw",
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        fake_wrote(lines[i]);
    fake_order("cpuset/c/cpuset.cpus=1-2", "cpuset/c/cgroup.procs=77");
    fake_order("cpu,cpuacct/c/cpu.rt_runtime_us=7", "cpu,cpuacct/c/cgroup.procs=77");
    fake_order("devices/c/devices.deny=a", "devices/c/devices.allow=c 136:* rwm");
    fake_wrote("systemd/c/cgroup.procs=77");
    fake_end();
}

static void cpuset_is_inherited(void **state)
{
    fake_start();
    fake_v1();
    struct cgroup *cg = opened("/a/b", false);
    assert_int_equal(cgroup_create(cg, NULL, 0, err), 0);
    fake_wrote("cpuset/a/cpuset.cpus=0-3\n");
    fake_order("cpuset/a/cpuset.mems=0\n", "cpuset/a/b/cpuset.mems=0\n");
    assert_int_equal(fake_at("cpuset/a/b/cgroup.procs=0"), -1); /* no process was given */
    cgroup_free(cg);
    fake_end();
}

static void memory_and_swap_move_together(void **state)
{
    fake_start();
    fake_v1();
    assert_int_equal(create("{\"memory\":{\"limit\":1000,\"swap\":2000}}", 5), 0);
    static const struct {
        const char *json, *first, *then;
    } cases[] = {
        {"{\"memory\":{\"limit\":5000,\"swap\":6000}}", "memory/c/memory.memsw.limit_in_bytes=6000",
         "memory/c/memory.limit_in_bytes=5000"},
        {"{\"memory\":{\"limit\":300,\"swap\":400}}", "memory/c/memory.limit_in_bytes=300",
         "memory/c/memory.memsw.limit_in_bytes=400"},
        {"{\"memory\":{\"limit\":-1}}", "memory/c/memory.memsw.limit_in_bytes=-1",
         "memory/c/memory.limit_in_bytes=-1"},
    };
    struct cgroup *cg = opened("/c", false);
    struct json_t *saved = cgroup_save(cg);
    cgroup_free(cg);
    json_object_set_new(saved, "exists", json_true());
    assert_int_equal(cgroup_load(saved, &cg), 0);
    json_decref(saved);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct oci_resources res = limits(cases[i].json);
        fake_log_clear();
        assert_int_equal(cgroup_update(cg, &res, err), 0);
        fake_order(cases[i].first, cases[i].then);
        assert_int_equal(fake.count, 2); /* nothing else is touched */
        oci_resources_done(&res);
    }
    cgroup_free(cg);
    fake_end();
}

static void refusals_v1(void **state)
{
    fake_start();
    fake_v1();
    refused("{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":1}]}", -ENOENT, "hugetlb");
    refused("{\"rdma\":{\"mlx5\":{\"hcaHandles\":1}}}", -ENOENT, "rdma.max");
    refused("{\"unified\":{\"memory.high\":\"1\"}}", -EINVAL, "version 2");
    fake.fail_file = "memory.limit_in_bytes";
    fake.fail_errno = EBUSY;
    fake_set("memory", "memory.usage_in_bytes", "12");
    refused("{\"memory\":{\"limit\":5}}", -EBUSY, "cannot set the limit of memory to 5");
    fake.fail_file = "cpu.shares";
    fake.fail_errno = EINVAL;
    refused("{\"cpu\":{\"shares\":5}}", -EINVAL, "cpu.shares");
    fake_end();
}

static void somebody_else_is_there(void **state)
{
    fake_start();
    fake_v1();
    struct cgroup *cg = opened("/c", false);
    assert_int_equal(cgroup_create(cg, NULL, 0, err), 0);
    fake_set("memory/c", "cgroup.procs", "12\n13\n");
    assert_int_equal(cgroup_create(cg, NULL, 5, err), -EBUSY);
    assert_non_null(strstr(err, "2 processes"));
    assert_true(fake_has("memory/c"));
    fake_set("memory/c", "cgroup.procs", "");
    fake_set("freezer/c", "freezer.state", "FROZEN\n");
    assert_int_equal(cgroup_create(cg, NULL, 5, err), -EBUSY);
    assert_non_null(strstr(err, "frozen"));
    fake_set("freezer/c", "freezer.state", "THAWED\n");
    assert_int_equal(cgroup_create(cg, NULL, 5, err), 0); /* an empty one is used again */
    cgroup_free(cg);
    fake_end();
}

static void an_ordinary_user(void **state)
{
    fake_start();
    fake_v1();
    struct cgroup *cg = NULL;
    struct cgroup_request rq = {
        .root = fake.root, .self = fake_self(SELF), .path = "/c", .id = "id", .rootless = true};
    fake.mkdir_errno = EACCES;
    assert_int_equal(cgroup_open(&rq, &cg, err), 0);
    assert_int_equal(cgroup_create(cg, NULL, 5, err), 0);
    assert_false(cgroup_exists(cg));
    assert_true(cgroup_warning(cg)[0] != '\0');
    struct cgroup_stats stats;
    assert_int_equal(cgroup_stats_read(cg, &stats), -ENOENT);
    assert_int_equal(cgroup_delete(cg, err), 0);
    cgroup_free(cg);
    rq.rootless = false;
    assert_int_equal(cgroup_open(&rq, &cg, err), 0);
    assert_int_equal(cgroup_create(cg, NULL, 5, err), -EACCES);
    cgroup_free(cg);
    fake_end();
}

/* ---- version 2 ---- */

static void all_of_v2(void **state)
{
    fake_start();
    fake_v2(".", "cpuset cpu io memory hugetlb pids rdma");
    struct oci_resources res =
        limits("{\"memory\":{\"limit\":1000,\"swap\":3000,\"reservation\":500},"
               "\"cpu\":{\"shares\":1024,\"quota\":50000,\"period\":200000,\"burst\":10,"
               "\"cpus\":\"1-2\",\"mems\":\"0\"},\"pids\":{\"limit\":-1},"
               "\"blockIO\":{\"weight\":1000,\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,"
               "\"rate\":1}],\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":0,\"rate\":0}]},"
               "\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4096}],"
               "\"rdma\":{\"mlx5\":{\"hcaHandles\":3}},"
               "\"unified\":{\"memory.high\":\"900\\n800\"}}");
    struct cgroup *cg = opened("/a/c", false);
    assert_int_equal(cgroup_create(cg, &res, 77, err), 0);
    fake_order("cgroup.subtree_control=+cpuset +cpu +io +memory +hugetlb +pids +rdma",
               "a/cgroup.subtree_control=+cpuset +cpu +io +memory +hugetlb +pids +rdma");
    static const char *const lines[] = {
        "a/c/cgroup.procs=77",
        "a/c/memory.max=1000",
        "a/c/memory.swap.max=2000",
        "a/c/memory.low=500",
        "a/c/cpu.weight=39",
        "a/c/cpu.max=50000 200000",
        "a/c/cpu.max.burst=10",
        "a/c/cpuset.cpus=1-2",
        "a/c/cpuset.mems=0",
        "a/c/pids.max=max",
        "a/c/io.weight=10000",
        "a/c/io.max=8:0 rbps=1",
        "a/c/io.max=8:0 wiops=max",
        "a/c/hugetlb.2MB.max=4096",
        "a/c/hugetlb.2MB.rsvd.max=4096",
        "a/c/rdma.max=mlx5 hca_handle=3 hca_object=max",
        "a/c/memory.high=900",
        "a/c/memory.high=800",
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        fake_wrote(lines[i]);
    assert_int_equal(fake_at("a/c/cgroup.subtree_control=+memory"), -1); /* it has processes */
    oci_resources_done(&res);
    /* The half of cpu.max that is not given stays. */
    res = limits("{\"cpu\":{\"quota\":-1}}");
    assert_int_equal(cgroup_update(cg, &res, err), 0);
    fake_wrote("a/c/cpu.max=max 200000");
    oci_resources_done(&res);
    cgroup_free(cg);
    fake_end();
}

static void refusals_v2(void **state)
{
    fake_start();
    fake_v2(".", "memory");
    refused("{\"pids\":{\"limit\":5}}", -ENOENT, "no controller pids");
    refused("{\"memory\":{\"swap\":5}}", -EINVAL, "without one on memory");
    refused("{\"memory\":{\"limit\":50,\"swap\":5}}", -EINVAL, "at least as much");
    refused("{\"unified\":{\"cpu.weight\":\"1\"}}", -ENOENT, "is the controller cpu there");
    fake_end();
}

static void conversions(void **state)
{
    int64_t swap = 1;
    assert_int_equal(shares_to_weight(0), 0);
    assert_int_equal(shares_to_weight(1), 1);
    assert_int_equal(shares_to_weight(1024), 39);
    assert_int_equal(shares_to_weight(262144), 10000);
    assert_int_equal(shares_to_weight(UINT64_MAX), 10000);
    assert_int_equal(blkio_to_io_weight(0), 0);
    assert_int_equal(blkio_to_io_weight(10), 1);
    assert_int_equal(blkio_to_io_weight(1000), 10000);
    assert_int_equal(swap_to_v2(-1, OCI_UNSET, &swap), 0);
    assert_int_equal(swap, -1);
    assert_int_equal(swap_to_v2(100, OCI_UNSET, &swap), 0);
    assert_true(swap == OCI_UNSET);
    assert_int_equal(swap_to_v2(100, 100, &swap), 0);
    assert_int_equal(swap, 0);
    assert_int_equal(swap_to_v2(100, -1, &swap), 0);
    assert_int_equal(swap, -1);
    assert_int_equal(swap_to_v2(-1, 100, &swap), -EINVAL);
    assert_int_equal(swap_to_v2(OCI_UNSET, 100, &swap), -EINVAL);
    assert_int_equal(pids_on_host(4), 36);
    assert_int_equal(pids_on_host(64), 64);
}

/* ---- both ---- */

static void beside_version_1(void **state)
{
    fake_start();
    fake_v1();
    fake_v2("unified", "hugetlb");
    assert_int_equal(create("{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4096}],"
                            "\"memory\":{\"limit\":9}}",
                            5),
                     0);
    fake_wrote("unified/c/hugetlb.2MB.max=4096");
    fake_wrote("memory/c/memory.limit_in_bytes=9");
    fake_wrote("unified/c/cgroup.procs=5");
    fake_end();
}

/* ---- the state file ---- */

static void saved_and_loaded(void **state)
{
    fake_start();
    fake_v1();
    struct cgroup *cg = opened("/c", false), *again = NULL;
    assert_int_equal(cgroup_create(cg, NULL, 0, err), 0);
    struct json_t *saved = cgroup_save(cg);
    assert_non_null(saved);
    assert_int_equal(cgroup_load(saved, &again), 0);
    assert_true(cgroup_exists(again) && !cgroup_unified(again));
    assert_string_equal(cgroup_dir(cg, "memory"), cgroup_dir(again, "memory"));
    cgroup_free(cg);
    assert_int_equal(cgroup_delete(again, err), 0);
    assert_false(fake_has("memory/c") || fake_has("systemd/c") || cgroup_exists(again));
    cgroup_free(again);
    /* A directory outside its hierarchy is never removed. */
    struct json_t *memory = json_object_get(json_object_get(saved, "groups"), "memory");
    json_object_set_new(memory, "dir", json_string("/etc"));
    assert_int_equal(cgroup_load(saved, &again), -EINVAL);
    json_decref(saved);
    saved = json_object();
    assert_int_equal(cgroup_load(saved, &again), -EINVAL);
    json_decref(saved);
    fake_end();
}

/* ---- what programs see ---- */

static void shown(const char *json, uint32_t cpus, bool from_quota, struct boot_config *cfg)
{
    struct oci_resources res = limits(json);
    struct cgroup_request rq = {
        .root = fake.root, .self = fake_self(SELF), .path = "/pod/c", .id = "id"};
    *cfg = (struct boot_config){.ncpus = cpus, .mem_total_bytes = 1};
    assert_int_equal(cgroup_inside(&rq, &res, from_quota, cfg, err), 0);
    oci_resources_done(&res);
}

static void seen_inside(void **state)
{
    struct boot_config cfg;
    fake_start();
    fake_v1();
    shown("{\"memory\":{\"limit\":1048576},\"cpu\":{\"quota\":250000,\"period\":100000}}", 8, true,
          &cfg);
    assert_int_equal(cfg.mem_total_bytes, 1048576);
    assert_int_equal(cfg.ncpus, 3);
    assert_int_equal(cfg.limits.cpu_quota_us, 250000);
    shown("{\"cpu\":{\"quota\":50000}}", 8, true, &cfg);
    assert_int_equal(cfg.ncpus, 2);
    shown("{\"cpu\":{\"quota\":50000}}", 8, false, &cfg);
    assert_int_equal(cfg.ncpus, 4); /* of the cpuset around it */
    shown("{\"cpu\":{\"cpus\":\"0,2\"}}", 8, true, &cfg);
    assert_int_equal(cfg.ncpus, 2);
    shown("{}", 1, true, &cfg);
    assert_int_equal(cfg.ncpus, 1);
    assert_true(cfg.mem_total_bytes > 1048576 && cfg.limits.memory_bytes == 0);
    /* A pod's limits hold for its containers. */
    assert_int_equal(mkdir(fake_path(fake.root, "memory/pod"), 0755), 0);
    fake_set("memory/pod", "memory.limit_in_bytes", "4096\n");
    assert_int_equal(mkdir(fake_path(fake.root, "cpu,cpuacct/pod"), 0755), 0);
    fake_set("cpu,cpuacct/pod", "cpu.cfs_quota_us", "300000\n");
    fake_set("cpu,cpuacct/pod", "cpu.cfs_period_us", "100000\n");
    shown("{\"memory\":{\"limit\":1048576},\"pids\":{\"limit\":7}}", 8, true, &cfg);
    assert_int_equal(cfg.mem_total_bytes, 4096);
    assert_int_equal(cfg.ncpus, 3);
    assert_int_equal(cfg.limits.pids, 7);
    assert_false(cfg.limits.cgroup_v2);
    fake_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_v1),
        cmocka_unit_test(names_v2),
        cmocka_unit_test(no_hierarchy),
        cmocka_unit_test(all_of_v1),
        cmocka_unit_test(cpuset_is_inherited),
        cmocka_unit_test(memory_and_swap_move_together),
        cmocka_unit_test(refusals_v1),
        cmocka_unit_test(somebody_else_is_there),
        cmocka_unit_test(an_ordinary_user),
        cmocka_unit_test(all_of_v2),
        cmocka_unit_test(refusals_v2),
        cmocka_unit_test(conversions),
        cmocka_unit_test(beside_version_1),
        cmocka_unit_test(saved_and_loaded),
        cmocka_unit_test(seen_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
