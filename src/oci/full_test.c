/* Every key of the specification, and the refusals that need several. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oci/spec.h"

#define HEAD "{'ociVersion':'1.2.1','root':{'path':'r'},"
#define PROC "'process':{'args':['a'],'cwd':'/'}"

/* Single quotes stand for double ones. */
static int parse(const char *text, struct oci_spec *ret, char *err)
{
    char json[16384];
    size_t n = strlen(text);
    assert_true(n < sizeof json);
    for (size_t i = 0; i <= n; i++)
        json[i] = text[i] == '\'' ? '"' : text[i];
    return oci_spec_parse("config.json", json, n, ret, err);
}

static void refuses(const char *rest, const char *message)
{
    struct oci_spec s;
    char err[OCI_ERROR_MAX];
    char text[8192];
    (void)snprintf(text, sizeof text, "%s%s}", HEAD, rest);
    assert_int_equal(parse(text, &s, err), -EINVAL);
    if (!strstr(err, message))
        print_error("%s\nshould say: %s\n", err, message);
    assert_non_null(strstr(err, message));
    assert_null(s.doc);
    assert_null(s.chunks);
}

static const char full[] =
    "{'ociVersion':'1.2.1-dev','root':{'path':'r','readonly':true},'hostname':'h','domainname':'d',"
    "'process':{'terminal':true,'consoleSize':{'height':24,'width':80},'args':['a','b'],"
    "'env':['A=b','C='],'cwd':'/x','noNewPrivileges':true,'oomScoreAdj':-5,"
    "'user':{'uid':1,'gid':2,'umask':18,'additionalGids':[3,4]},'apparmorProfile':'p',"
    "'selinuxLabel':'l','ioPriority':{'class':'IOPRIO_CLASS_IDLE','priority':7},"
    "'scheduler':{'policy':'SCHED_BATCH','nice':5,'flags':['SCHED_FLAG_RESET_ON_FORK']},"
    "'execCPUAffinity':{'initial':'0-1,3','final':'2'},"
    "'capabilities':{'effective':['CAP_KILL'],'permitted':['CAP_KILL'],'ambient':['CAP_CHOWN']},"
    "'rlimits':[{'type':'RLIMIT_NOFILE','soft':1,'hard':18446744073709551615}]},"
    "'mounts':[{'destination':'/a','type':'tmpfs','source':'tmpfs','options':['nosuid','size=1m',"
    "'tmpcopyup','rslave','mode=755']},{'destination':'b','source':'/h','options':['rbind','rro',"
    "'rw','nosymfollow']}],"
    "'hooks':{'prestart':[{'path':'/p','args':['p','q'],'env':['X=y'],'timeout':3}],"
    "'poststop':[{'path':'/q'},{'path':'/r'}]},'annotations':{'k':'v','k2':''},"
    "'linux':{'namespaces':[{'type':'pid'},{'type':'network','path':'/n'},{'type':'uts'},"
    "{'type':'user'},{'type':'time'},{'type':'ipc'}],"
    "'uidMappings':[{'containerID':0,'hostID':1000,'size':1}],"
    "'gidMappings':[{'containerID':0,'hostID':1000,'size':1}],"
    "'devices':[{'path':'/dev/f','type':'c','major':10,'minor':229,'fileMode':438,'uid':0,'gid':9},"
    "{'path':'/dev/q','type':'p'}],'cgroupsPath':'a:b:c','rootfsPropagation':'rshared',"
    "'sysctl':{'net.ipv4.ip_forward':'1','kernel.shmmax':'5'},'maskedPaths':['/proc/kcore'],"
    "'readonlyPaths':['/proc/sys'],'mountLabel':'m','personality':{'domain':'LINUX32'},"
    "'timeOffsets':{'monotonic':{'secs':0,'nanosecs':0},'boottime':{'secs':0}},"
    "'seccomp':{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':38,"
    "'architectures':['SCMP_ARCH_X86_64'],'flags':['SECCOMP_FILTER_FLAG_LOG'],"
    "'syscalls':[{'names':['read','write'],'action':'SCMP_ACT_ALLOW'},"
    "{'names':['clone'],'action':'SCMP_ACT_TRAP','args':[{'index':0,'value':2114060288,"
    "'valueTwo':0,'op':'SCMP_CMP_MASKED_EQ'}]}]},"
    "'resources':{'memory':{'limit':1048576,'swap':-1,'swappiness':0,'disableOOMKiller':true},"
    "'cpu':{'shares':512,'quota':-1,'period':100000,'burst':5,'cpus':'0-2','mems':'0','idle':1},"
    "'pids':{'limit':9},'blockIO':{'weight':10,'weightDevice':[{'major':8,'minor':0,'weight':20}],"
    "'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':9000000000}]},"
    "'hugepageLimits':[{'pageSize':'2MB','limit':18446744073709551615}],"
    "'devices':[{'allow':false,'access':'rwm'},{'allow':true,'type':'c','major':1,'minor':3,"
    "'access':'rw'}],'network':{'classID':5,'priorities':[{'name':'lo','priority':3}]},"
    "'rdma':{'mlx5_1':{'hcaHandles':3}},'unified':{'memory.high':'max'}}}}";

static void check_process(const struct oci_process *p)
{
    assert_int_equal(p->args.count, 2);
    assert_int_equal(p->console.height, 24);
    assert_true(p->no_new_privs && p->terminal && p->oom_score_adj == -5);
    assert_true(p->uid == 1 && p->gid == 2 && p->umask == 022 && p->group_count == 2);
    assert_string_equal(p->apparmor_profile, "p");
    assert_string_equal(p->selinux_label, "l");
    assert_true(p->io_priority.given && p->io_priority.class == 3 && p->io_priority.priority == 7);
    assert_true(p->scheduler.policy == 3 && p->scheduler.nice == 5 && p->scheduler.flags == 1);
    assert_string_equal(p->cpu_affinity_initial, "0-1,3");
    assert_true(p->caps.effective == 1 << 5 && p->caps.ambient == 0);
    assert_true(p->rlimits[7].soft == 1 && p->rlimits[7].hard == UINT64_MAX);
}

static void check_mounts(const struct oci_spec *s)
{
    const struct oci_mount *a = &s->mounts[0];
    const struct oci_mount *b = &s->mounts[1];
    assert_true(a->copy_up && a->propagation == OCI_PROPAGATION_SLAVE && a->propagation_tree);
    assert_int_equal(a->flags, BOOT_MOUNT_NOSUID);
    assert_int_equal(a->options.count, 2);
    assert_string_equal(a->options.v[1], "mode=755");
    assert_string_equal(b->destination, "/b");
    assert_string_equal(b->type, "bind");
    assert_true(b->bind && b->recursive && b->tree_set == BOOT_MOUNT_RDONLY);
    assert_int_equal(b->flags, BOOT_MOUNT_NOSYMFOLLOW);
}

static void check_resources(const struct oci_resources *r)
{
    assert_true(r->given && r->memory.limit == 1048576 && r->memory.swap == -1);
    assert_true(r->memory.reservation == OCI_UNSET && r->memory.swappiness == 0);
    assert_true(r->memory.oom_kill_disable == 1 && r->memory.use_hierarchy == -1);
    assert_true(r->cpu.shares == 512 && r->cpu.quota == -1 && r->cpu.burst == 5);
    assert_string_equal(r->cpu.cpus, "0-2");
    assert_int_equal(r->pids, 9);
    assert_int_equal(r->blkio.throttles[OCI_READ_BPS].v[0].rate, 9000000000);
    assert_true(r->hugepages[0].limit_bytes == UINT64_MAX);
    assert_true(!r->devices[0].allow && r->devices[0].type == 'a' &&
                r->devices[0].major == OCI_ANY);
    assert_int_equal(r->devices[1].access, OCI_DEVICE_READ | OCI_DEVICE_WRITE);
    assert_true(r->net_class_id == 5 && r->net_priority_count == 1 && r->rdma[0].handles == 3);
    assert_string_equal(r->unified[0].value, "max");
}

static void test_full(void **state)
{
    static struct oci_spec s;
    char err[OCI_ERROR_MAX];
    int r = parse(full, &s, err);
    if (r < 0)
        print_error("%s\n", err);
    assert_int_equal(r, 0);
    check_process(&s.process);
    check_mounts(&s);
    check_resources(&s.resources);
    assert_int_equal(s.hooks[OCI_HOOK_PRESTART].v[0].timeout_s, 3);
    assert_int_equal(s.hooks[OCI_HOOK_POSTSTOP].count, 2);
    assert_string_equal(oci_annotation(&s, "k"), "v");
    assert_null(oci_annotation(&s, "none"));
    assert_string_equal(s.namespace_paths[1], "/n");
    assert_int_equal(s.uid_maps.v[0].host_id, 1000);
    assert_true(s.devices[0].minor == 229 && s.devices[0].mode == 0666 && s.devices[1].type == 'p');
    assert_true(s.root_propagation == OCI_PROPAGATION_SHARED && s.root_propagation_tree);
    assert_true(s.monotonic.given && s.boottime.given);
    assert_true(s.personality_given && s.personality == 8);
    assert_true(s.seccomp.default_errno == 38 && s.seccomp.flags == 2 && s.seccomp.rule_count == 2);
    assert_int_equal(s.seccomp.rules[1].args[0].op, OCI_SECCOMP_MASKED_EQ);
    assert_true(s.warnings.count >= 2); /* relative destination, ambient */
    oci_spec_done(&s);
}

static void test_refusals(void **state)
{
    refuses("'process':{'args':['a'],'cwd':'/','commandLine':'x'}", "commandLine");
    refuses("'process':{'args':['a'],'cwd':'/','env':['x']}", "NAME=value");
    refuses("'process':{'args':['a'],'cwd':'/','scheduler':{'policy':'SCHED_FIFO'}}", "1 to 99");
    refuses("'process':{'args':['a'],'cwd':'/','rlimits':[{'type':'RLIMIT_CPU','soft':1}]}",
            "process.rlimits[0].hard: missing");
    refuses(PROC ",'linux':{'namespaces':[{'type':'pid'},{'type':'pid'}]}", "twice");
    refuses(PROC ",'linux':{'namespaces':[{'type':'user'}]}", "uidMappings: missing");
    refuses(PROC ",'linux':{'sysctl':{'net.core.somaxconn':'1'}}", "needs a namespace");
    refuses(PROC ",'linux':{'sysctl':{'vm.swappiness':'1'}}", "linux.sysctl.vm.swappiness");
    refuses(PROC ",'linux':{'timeOffsets':{'boottime':{'secs':1}}}", "time namespace");
    refuses(PROC ",'mounts':[{'destination':'/a','source':'/b','options':['bind','ridmap']}]",
            "needs uidMappings");
    refuses(PROC ",'linux':{'intelRdt':{'closID':'x'}}", "intelRdt");
    refuses(PROC ",'linux':{'rootfsPropagation':'x'}", "rootfsPropagation");
    refuses(PROC ",'linux':{'maskedPaths':['x']}", "absolute");
    refuses(PROC ",'linux':{'seccomp':{'defaultAction':'SCMP_ACT_NOTIFY'}}", "NOTIFY");
    refuses(PROC ",'linux':{'resources':{'cpu':{'cpus':'1-'}}}", "linux.resources.cpu.cpus");
    refuses(PROC ",'linux':{'resources':{'unified':{'../x':'1'}}}", "unified");
    refuses(PROC ",'linux':{'resources':{'hugepageLimits':[{'pageSize':'x','limit':1}]}}", "2MB");
    refuses(PROC ",'mounts':[{'destination':'/a','type':'tmpfs','options':['idmap']}]", "bind");
    refuses(PROC ",'mounts':[{'destination':'/a','source':'/b','options':['bind','tmpcopyup']}]",
            "tmpcopyup");
    refuses(PROC ",'hooks':{'poststart':[{'path':'x'}]}", "hooks.poststart[0].path");
    refuses(PROC ",'hooks':{'poststart':[{'path':'/x','timeout':0}]}", "timeout");
    refuses(PROC ",'windows':{'x':1}", "windows");
    refuses(PROC ",'annotations':{'':'x'}", "annotations");
    refuses(PROC ",'annotations':{'x':1}", "annotations.x: must be a string");
}

static void test_process_alone(void **state)
{
    static const char text[] = "{\"args\":[\"sh\"],\"cwd\":\"/\",\"user\":{\"uid\":7}}";
    static const char bad[] = "{\"args\":[\"sh\"]}";
    struct oci_process p;
    char err[OCI_ERROR_MAX];
    assert_int_equal(oci_process_parse("p.json", text, strlen(text), &p, NULL, err), 0);
    assert_true(p.uid == 7 && p.umask == -1 && !p.caps_given);
    oci_process_done(&p);
    assert_int_equal(oci_process_parse("p.json", bad, strlen(bad), &p, NULL, err), -EINVAL);
    assert_string_equal(err, "p.json: cwd: missing; name the directory to start in, as \"/\"");
}

static void test_resources_alone(void **state)
{
    static const char text[] = "{\"memory\":{\"limit\":5},\"pids\":{\"limit\":-1}}";
    static const char bad[] = "{\"memory\":{\"limit\":\"5\"}}";
    struct oci_resources r;
    char err[OCI_ERROR_MAX];
    assert_int_equal(oci_resources_parse("-", text, strlen(text), &r, err), 0);
    assert_true(r.given && r.memory.limit == 5 && r.pids == -1 && r.cpu.quota == OCI_UNSET);
    oci_resources_done(&r);
    assert_int_equal(oci_resources_parse("-", bad, strlen(bad), &r, err), -EINVAL);
    assert_non_null(strstr(err, "-: memory.limit: must be a whole number"));
}

static void test_words(void **state)
{
    for (int which = 0; which < OCI_VOCABULARIES; which++) {
        size_t n = 0;
        while (oci_word((enum oci_vocabulary)which, n))
            n++;
        assert_true(n >= 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full),          cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_process_alone), cmocka_unit_test(test_resources_alone),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests_name("oci-full", tests, NULL, NULL);
}
