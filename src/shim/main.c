/* containerd-shim-runsc-v1: containerd's way to runsc. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "shim/cli.h"

/* "-name value", "-name=value", with one dash or two, as Go's flag package reads them. False: an error was printed. */
static bool flag_take(struct cli *c, int argc, char **argv, int *at)
{
    const struct {
        const char *name;
        const char **text;
        bool *on;
    } flags[] = {
        {"namespace", &c->namespace, NULL}, {"id", &c->id, NULL},
        {"address", &c->address, NULL},     {"publish-binary", &c->publish_binary, NULL},
        {"bundle", &c->bundle, NULL},       {"socket", &c->socket, NULL},
        {"debug", NULL, &c->debug},         {"v", NULL, &c->version},
        {"version", NULL, &c->version},
    };
    const char *name = argv[*at] + (str_starts(argv[*at], "--") ? 2 : 1);
    size_t len = strcspn(name, "=");
    const char *value = name[len] ? name + len + 1 : NULL;
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        if (!str_eq_n(flags[i].name, name, len))
            continue;
        if (flags[i].on) {
            *flags[i].on = !value || str_eq(value, "true");
            return true;
        }
        if (!value && ++*at == argc)
            break;
        *flags[i].text = value ? value : argv[*at];
        return true;
    }
    (void)cli_fail("bad flag -%.100s", name);
    return false;
}

int main(int argc, char **argv)
{
    struct cli c = {.command = ""};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-')
            c.command = argv[i];
        else if (!flag_take(&c, argc, argv, &i))
            return 1;
    }
    if (c.version) {
        (void)printf("containerd-shim-runsc-v1:\n  Version: %s\n", CVISOR_VERSION);
        return 0;
    }
    if (!c.namespace || !c.namespace[0] || strchr(c.namespace, '/') || !c.id || !c.id[0] ||
        strchr(c.id, '/'))
        return cli_fail("-namespace and -id are needed");
    if (str_eq(c.command, "delete"))
        return cli_delete(&c);
    if (!c.address || !c.address[0])
        return cli_fail("-address is needed");
    if (str_eq(c.command, "start"))
        return cli_start(&c);
    return c.command[0] ? cli_fail("unknown command %.100s", c.command) : daemon_run(&c);
}
