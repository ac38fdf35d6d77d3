/* shim/inside.h - what only the sandbox knows of a container that is not its first, where the platform keeps all processes in the
 * sandbox's control groups: the host's accounts of such a container are its gofer's.
 *
 * Context  the loop; a question that the sandbox leaves unanswered ends after some seconds, and what was known before stands.
 */
#pragma once
#include "shim/shim.h"

/* Sets c->sandbox if that is so; c->metrics is open. -ENOMEM. */
NODISCARD int inside_find(struct container *c);
/* Calls done once c->inside is as new as can be; perhaps before this returns. If c goes first the call is answered. */
void inside_ask(struct container *c, struct call *call,
                void (*done)(struct container *c, struct call *call));
/* Ends what is under way: the calls are answered with an error. */
void inside_stop(struct container *c);
