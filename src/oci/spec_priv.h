/* oci/spec_priv.h - shared by the files of oci/: one parser a section of config.json. */
#pragma once
#include <stdint.h>

#include "base/compiler.h"
#include "oci/parse_priv.h"
#include "oci/spec.h"

NODISCARD int oci_rlimit(const char *name); /* "RLIMIT_NOFILE" -> 7; -EINVAL */
uint32_t oci_namespace(const char *name);   /* "pid" -> OCI_NS_PID; 0: unknown */

void process_parse(struct parse *p, json_t *o, const char *key, struct oci_process *ret);
void mounts_parse(struct parse *p, json_t *doc, struct oci_spec *s);
void hooks_parse(struct parse *p, json_t *doc, struct oci_spec *s);
void linux_parse(struct parse *p, json_t *doc, struct oci_spec *s);
void id_maps_parse(struct parse *p, json_t *o, const char *key, const char *name,
                   struct oci_id_maps *ret);
void seccomp_parse(struct parse *p, json_t *o, struct oci_seccomp *ret);
/* What single keys cannot tell. */
void process_validate(struct parse *p, const char *key, const struct oci_process *r);
void spec_validate(struct parse *p, const struct oci_spec *s);

/* "rslave" -> OCI_PROPAGATION_SLAVE with *ret_tree; OCI_PROPAGATION_NONE: no such word. */
enum oci_propagation oci_propagation_of(const char *word, bool *ret_tree);
/* The n-th option of mounts; NULL after the last. */
const char *mount_word(size_t n);

/* An error unless it is like "0-2,4"; NULL is right. */
void cpu_list_check(struct parse *p, const char *list, const char *key, const char *name);
