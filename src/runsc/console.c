#include "runsc/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "host/host.h"
#include "host/msg.h"
#include "runsc/flags.h"

static int socket_connect(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path)
        return -ENAMETOOLONG;
    memcpy(a.sun_path, path, strlen(path));
    int fd = host_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = fd < 0 ? fd : host_connect(fd, &a, sizeof a);
    if (r < 0 && fd >= 0)
        (void)!host_close(fd);
    return r < 0 ? r : fd;
}

static int pty_make(int *ret_master, int *ret_replica)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || unlockpt(master) < 0) {
        int r = -errno;
        if (master >= 0)
            (void)close(master);
        return r;
    }
    int replica = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (replica < 0) {
        int r = -errno;
        (void)close(master);
        return r;
    }
    *ret_master = master;
    *ret_replica = replica;
    return 0;
}

int console_open(const char *socket_path, uint32_t width, uint32_t height, char *err)
{
    int master = -1, replica = -1;
    int sock = socket_connect(socket_path);
    if (sock < 0) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "the console socket %.300s: %s", socket_path,
                       strerrordesc_np(-sock));
        return sock;
    }
    int r = pty_make(&master, &replica);
    if (r == 0 && width && height) {
        struct winsize ws = {.ws_col = (unsigned short)width, .ws_row = (unsigned short)height};
        (void)ioctl(master, TIOCSWINSZ, &ws);
    }
    if (r == 0)
        r = host_msg_send(sock, "pty-master", 10, &master, 1, 0);
    (void)close(sock);
    if (master >= 0)
        (void)close(master);
    if (r < 0) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "a terminal for the container: %s",
                       strerrordesc_np(-r));
        if (replica >= 0)
            (void)close(replica);
        return r;
    }
    return replica;
}
