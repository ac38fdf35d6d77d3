/* oci/parse_priv.h - what the parsers of oci/ share: values out of a JSON document, each with an error that names its key.
 *
 * Errors   the first one is kept (p->result < 0) and nothing more is recorded; values read after it are empty.
 * Owner    arrays come from parse_alloc() and are freed together by parse_chunks_free(); strings lie in the document.
 * Keys     key names the containing object ("process.user", "mounts[3]"); messages say key.name.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "oci/resources.h"
#include "wire/boot_config.h"

#define OCI_KEY_MAX 160

struct oci_chunk {
    struct oci_chunk *next;
    max_align_t data[];
};

struct parse {
    const char *name; /* of the file */
    char *err;        /* OCI_ERROR_MAX */
    int result;
    struct oci_chunk **chunks;
    struct oci_warnings *warnings; /* NULL: not wanted */
};

/* Reads a document; numbers above INT64_MAX become reals. NULL: p->result says why. */
json_t *parse_document(struct parse *p, const char *text, size_t len);

/* name may be NULL: the error is about key itself. */
void parse_fail(struct parse *p, const char *key, const char *name, const char *fmt, ...)
    PRINTF(4, 5);
void parse_warn(struct parse *p, const char *key, const char *name, const char *fmt, ...)
    PRINTF(4, 5);

/* Zeroed; NULL with p->result set: out of memory. */
void *parse_alloc(struct parse *p, size_t count, size_t size);
void parse_chunks_free(struct oci_chunk *chunks);

/* Into buf of OCI_KEY_MAX: "key.name" and "key.name[i]"; returns buf. */
const char *parse_key(char *buf, const char *key, const char *name);
const char *parse_key_at(char *buf, const char *key, const char *name, size_t i);

/* NULL if absent or null, or after an error. */
json_t *object_get(struct parse *p, json_t *obj, const char *key, const char *name);
json_t *array_get(struct parse *p, json_t *obj, const char *key, const char *name, size_t max);
/* An element that must be an object; NULL after an error. */
json_t *object_at(struct parse *p, json_t *array, size_t i, const char *key);

/* NULL: absent. */
const char *string_get(struct parse *p, json_t *obj, const char *key, const char *name,
                       size_t max_bytes);
/* Never NULL: "" after an error, which it is if absent or empty. */
const char *string_need(struct parse *p, json_t *obj, const char *key, const char *name,
                        size_t max_bytes);
const char *string_of(struct parse *p, json_t *v, const char *key, const char *name,
                      size_t max_bytes);
struct boot_strings strings_get(struct parse *p, json_t *obj, const char *key, const char *name,
                                size_t max, size_t max_bytes);

bool bool_get(struct parse *p, json_t *obj, const char *key, const char *name);
/* 0, 1, or -1: absent. */
int flag_get(struct parse *p, json_t *obj, const char *key, const char *name);
/* absent is returned for an absent or null number. 2^63 and more are only accepted by u64_get. */
int64_t int_get(struct parse *p, json_t *obj, const char *key, const char *name, int64_t min,
                int64_t max, int64_t absent);
/* 0 to 2^64-1. *ret_given tells whether it is there. */
uint64_t u64_get(struct parse *p, json_t *obj, const char *key, const char *name, bool *ret_given);

/* An error unless absolute. */
void path_check(struct parse *p, const char *path, const char *key, const char *name);
/* Index of s in words, -1: not there. */
int word_find(const char *const *words, size_t count, const char *s);

/* Pairs of an object of strings, in the document's order. */
struct oci_pair *pairs_get(struct parse *p, json_t *obj, const char *key, const char *name,
                           size_t max, uint32_t *ret_count);

void resources_parse(struct parse *p, json_t *obj, const char *key, struct oci_resources *ret);
