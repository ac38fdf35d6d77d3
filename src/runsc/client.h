/* runsc/client.h - requests to a running sandbox.
 *
 * Trust    answers come from the sentry: parsed as hostile, text is printable.
 * Context  blocks until the answer is there, or CLIENT_WAIT_S have gone by: a sandbox that was taken over may never give one, and
 *          commands hold the container's lock meanwhile.
 */
#pragma once
#include "base/compiler.h"
#include "wire/control_call.h"

#define CLIENT_WAIT_S       10
#define CLIENT_WAIT_STATE_S 3 /* for CALL_STATE: what is written down will do */

struct state;

/* A connection to its sandbox. -errno with err (FLAGS_ERROR_MAX). */
NODISCARD int client_connect(const struct state *s, char *err);
/* One request, with descriptors (none is taken), and its answer. The container is s's. -errno: of the connection, or a->error;
 * -ETIMEDOUT; err says why. */
NODISCARD int client_call(int fd, const struct state *s, struct call_request *rq, const int *fds,
                          size_t fd_count, struct call_answer *a, char *err);
/* The two halves; the second without a limit of time, for the end of a program. */
NODISCARD int client_send(int fd, const struct state *s, struct call_request *rq, const int *fds,
                          size_t fd_count, char *err);
NODISCARD int client_receive(int fd, struct call_answer *a, char *err);
/* Connect, call, close. */
NODISCARD int client_ask(const struct state *s, struct call_request *rq, const int *fds,
                         size_t fd_count, struct call_answer *a, char *err);
/* An empty file in memory for what a request writes to: fd or -errno with err. */
NODISCARD int client_file(char *err);

/* A listening socket of this name in the state directory, in place of whatever is there. fd; -errno with err. */
NODISCARD int client_listen(const struct state *s, char *err);
