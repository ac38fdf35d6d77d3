/* abi/termios.h - terminal modes.
 *
 * Spec     termios(3), ioctl_tty(2). TCGETS and TCSETS carry struct linux_termios.
 */
#ifndef CVISOR_ABI_TERMIOS_H
#define CVISOR_ABI_TERMIOS_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* c_iflag */
#define LINUX_IGNBRK  01U
#define LINUX_BRKINT  02U
#define LINUX_IGNPAR  04U
#define LINUX_PARMRK  010U
#define LINUX_INPCK   020U
#define LINUX_ISTRIP  040U
#define LINUX_INLCR   0100U
#define LINUX_IGNCR   0200U
#define LINUX_ICRNL   0400U
#define LINUX_IUCLC   01000U
#define LINUX_IXON    02000U
#define LINUX_IXANY   04000U
#define LINUX_IXOFF   010000U
#define LINUX_IMAXBEL 020000U
#define LINUX_IUTF8   040000U

/* c_oflag */
#define LINUX_OPOST  01U
#define LINUX_OLCUC  02U
#define LINUX_ONLCR  04U
#define LINUX_OCRNL  010U
#define LINUX_ONOCR  020U
#define LINUX_ONLRET 040U
#define LINUX_OFILL  0100U
#define LINUX_OFDEL  0200U
#define LINUX_NLDLY  0400U
#define LINUX_CRDLY  03000U
#define LINUX_TABDLY 014000U
#define LINUX_TAB0   0U
#define LINUX_TAB3   014000U
#define LINUX_XTABS  014000U
#define LINUX_BSDLY  020000U
#define LINUX_VTDLY  040000U
#define LINUX_FFDLY  0100000U

/* c_cflag */
#define LINUX_CBAUD   010017U
#define LINUX_B0      0U
#define LINUX_B50     01U
#define LINUX_B75     02U
#define LINUX_B110    03U
#define LINUX_B134    04U
#define LINUX_B150    05U
#define LINUX_B200    06U
#define LINUX_B300    07U
#define LINUX_B600    010U
#define LINUX_B1200   011U
#define LINUX_B1800   012U
#define LINUX_B2400   013U
#define LINUX_B4800   014U
#define LINUX_B9600   015U
#define LINUX_B19200  016U
#define LINUX_B38400  017U
#define LINUX_CBAUDEX 010000U
#define LINUX_B57600  010001U
#define LINUX_B115200 010002U
#define LINUX_B230400 010003U
#define LINUX_CSIZE   060U
#define LINUX_CS5     0U
#define LINUX_CS6     020U
#define LINUX_CS7     040U
#define LINUX_CS8     060U
#define LINUX_CSTOPB  0100U
#define LINUX_CREAD   0200U
#define LINUX_PARENB  0400U
#define LINUX_PARODD  01000U
#define LINUX_HUPCL   02000U
#define LINUX_CLOCAL  04000U
#define LINUX_CRTSCTS 020000000000U

/* c_lflag */
#define LINUX_ISIG    01U
#define LINUX_ICANON  02U
#define LINUX_XCASE   04U
#define LINUX_ECHO    010U
#define LINUX_ECHOE   020U
#define LINUX_ECHOK   040U
#define LINUX_ECHONL  0100U
#define LINUX_NOFLSH  0200U
#define LINUX_TOSTOP  0400U
#define LINUX_ECHOCTL 01000U
#define LINUX_ECHOPRT 02000U
#define LINUX_ECHOKE  04000U
#define LINUX_FLUSHO  010000U
#define LINUX_PENDIN  040000U
#define LINUX_IEXTEN  0100000U
#define LINUX_EXTPROC 0200000U

/* c_cc */
#define LINUX_VINTR     0
#define LINUX_VQUIT     1
#define LINUX_VERASE    2
#define LINUX_VKILL     3
#define LINUX_VEOF      4
#define LINUX_VTIME     5
#define LINUX_VMIN      6
#define LINUX_VSWTC     7
#define LINUX_VSTART    8
#define LINUX_VSTOP     9
#define LINUX_VSUSP     10
#define LINUX_VEOL      11
#define LINUX_VREPRINT  12
#define LINUX_VDISCARD  13
#define LINUX_VWERASE   14
#define LINUX_VLNEXT    15
#define LINUX_VEOL2     16
#define LINUX_NCCS      19

#define LINUX_N_TTY     0
#define LINUX_TCIFLUSH  0
#define LINUX_TCOFLUSH  1
#define LINUX_TCIOFLUSH 2
#define LINUX_TCOOFF    0
#define LINUX_TCOON     1
#define LINUX_TCIOFF    2
#define LINUX_TCION     3

struct linux_termios {
    uint32_t c_iflag;
    uint32_t c_oflag;
    uint32_t c_cflag;
    uint32_t c_lflag;
    uint8_t c_line;
    uint8_t c_cc[LINUX_NCCS];
};
static_assert(sizeof(struct linux_termios) == 36, "struct termios");
static_assert(offsetof(struct linux_termios, c_cc) == 17, "struct termios");

struct linux_termios2 {
    uint32_t c_iflag;
    uint32_t c_oflag;
    uint32_t c_cflag;
    uint32_t c_lflag;
    uint8_t c_line;
    uint8_t c_cc[LINUX_NCCS];
    uint32_t c_ispeed;
    uint32_t c_ospeed;
};
static_assert(sizeof(struct linux_termios2) == 44, "struct termios2");

struct linux_termio {
    uint16_t c_iflag;
    uint16_t c_oflag;
    uint16_t c_cflag;
    uint16_t c_lflag;
    uint8_t c_line;
    uint8_t c_cc[8];
};
static_assert(sizeof(struct linux_termio) == 18, "struct termio");

struct linux_winsize {
    uint16_t ws_row;
    uint16_t ws_col;
    uint16_t ws_xpixel;
    uint16_t ws_ypixel;
};
static_assert(sizeof(struct linux_winsize) == 8, "struct winsize");

#endif
