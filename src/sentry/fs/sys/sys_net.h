/* sentry/fs/sys/sys_net.h - what class/net and devices/virtual/net list. */
#pragma once
struct proc_named;
extern const struct proc_named sys_net_links, sys_net_devices;
