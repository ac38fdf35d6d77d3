#include "runsc/labels.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/str.h"
#include "oci/spec.h"
#include "runsc/flags.h"
#include "wire/boot_config.h"

static bool apparmor_is_on(const char *sysfs)
{
    char path[256], word = 0;
    (void)snprintf(path, sizeof path, "%s/module/apparmor/parameters/enabled", sysfs);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool on = fd >= 0 && read(fd, &word, 1) == 1 && word == 'Y';
    if (fd >= 0)
        (void)close(fd);
    return on;
}

static bool selinux_is_on(const char *sysfs)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/fs/selinux/enforce", sysfs);
    return access(path, F_OK) == 0;
}

static int missing(const char *key, const char *module, char *err)
{
    (void)snprintf(err, FLAGS_ERROR_MAX,
                   "config.json: %s: a label is given, but %s is not enabled on this host; remove "
                   "the label, or enable %s",
                   key, module, module);
    return -EINVAL;
}

int labels_take(struct boot_config *config, const struct oci_spec *spec, const char *sysfs,
                char *err)
{
    const char *profile = spec->process.apparmor_profile, *label = spec->process.selinux_label;
    config->apparmor = profile && !str_eq(profile, "unconfined") ? profile : "";
    config->selinux = label ? label : "";
    if (config->apparmor[0] && !apparmor_is_on(sysfs))
        return missing("process.apparmorProfile", "AppArmor", err);
    if (config->selinux[0] && !selinux_is_on(sysfs))
        return missing("process.selinuxLabel", "SELinux", err);
    /* Nothing is mounted on the host that could bear it: tmpfs and the like are the sandbox's own. */
    if (spec->mount_label && spec->mount_label[0] && !selinux_is_on(sysfs))
        return missing("linux.mountLabel", "SELinux", err);
    return 0;
}
