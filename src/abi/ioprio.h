/* abi/ioprio.h - ioprio_set(2). */
#ifndef CVISOR_ABI_IOPRIO_H
#define CVISOR_ABI_IOPRIO_H

#define LINUX_IOPRIO_CLASS_NONE        0
#define LINUX_IOPRIO_CLASS_RT          1
#define LINUX_IOPRIO_CLASS_BE          2
#define LINUX_IOPRIO_CLASS_IDLE        3
#define LINUX_IOPRIO_CLASS_SHIFT       13
#define LINUX_IOPRIO_WHO_PROCESS       1
#define LINUX_IOPRIO_WHO_PGRP          2
#define LINUX_IOPRIO_WHO_USER          3
#define LINUX_IOPRIO_PRIO(class, data) (((class) << LINUX_IOPRIO_CLASS_SHIFT) | (data))
#define LINUX_IOPRIO_PRIO_CLASS(prio)  (((prio) >> LINUX_IOPRIO_CLASS_SHIFT) & 7)
#define LINUX_IOPRIO_PRIO_DATA(prio)   ((prio) & ((1 << LINUX_IOPRIO_CLASS_SHIFT) - 1))

#endif
