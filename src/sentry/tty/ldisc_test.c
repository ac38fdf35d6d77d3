/* The line discipline: what is typed, what is shown, what is read. No task, no file: a struct pty of the test's own. */
#include "base/test.h"

#include "abi/ioctl.h"
#include "base/err.h"
#include "sentry/mm/uio.h"
#include "sentry/tty/pty.h"

#include <string.h>

static uint8_t in_ring[PTY_BUF], out_ring[PTY_OUT];
static struct pty p;

static int fresh(void **state)
{
    memset(&p, 0, sizeof(p));
    p.in = in_ring;
    p.out = out_ring;
    p.masters = 1;
    p.y.tio = tty_default_termios;
    waitq_init(&p.y.wait);
    waitq_init(&p.master_wait);
    return 0;
}

static void type_n(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ldisc_input(&p, (uint8_t)text[i]);
}
static void type(const char *text) { type_n(text, strlen(text)); }

/* What the master would read now; taken away. */
static void assert_shown(const char *want)
{
    char got[1024];
    size_t n = 0;
    while (p.out_tail != p.out_head && n < sizeof(got) - 1)
        got[n++] = (char)p.out[p.out_tail++ % PTY_OUT];
    got[n] = 0;
    assert_string_equal(got, want);
}

static ssize_t read_some(char *buf, size_t size)
{
    struct uio u;
    uio_kernel(&u, NULL, buf, size);
    return ldisc_read(&p, &u);
}

static void assert_read(size_t size, const char *want)
{
    char buf[256];
    ssize_t n = read_some(buf, size);
    assert_int_equal(n, strlen(want));
    assert_memory_equal(buf, want, strlen(want));
}

static void assert_nothing(void)
{
    char c;
    assert_int_equal(read_some(&c, 1), -EAGAIN);
    assert_int_equal(ldisc_readable(&p), 0);
}

static void assert_written(const char *text, const char *shown)
{
    struct uio u;
    uio_kernel(&u, NULL, (void *)(uintptr_t)text, strlen(text));
    assert_int_equal(ldisc_write(&p, &u), strlen(text));
    assert_shown(shown);
}

static void set_modes(uint32_t clear_l, uint32_t set_i, uint32_t clear_o)
{
    struct linux_termios old = p.y.tio;
    p.y.tio.c_lflag &= ~clear_l;
    p.y.tio.c_iflag |= set_i;
    p.y.tio.c_oflag &= ~clear_o;
    ldisc_modes_changed(&p, &old);
}

static void test_lines(void **state)
{
    type("hel");
    assert_nothing();
    type("lo\rnext\n");
    assert_shown("hello\r\nnext\r\n");
    assert_int_equal(ldisc_readable(&p), 11);
    assert_read(3, "hel");
    assert_read(100, "lo\n");
    assert_read(100, "next\n");
    assert_nothing();
}

static void test_editing(void **state)
{
    static const struct {
        const char *typed, *shown, *read;
    } rows[] = {
        {"abx\177c\n", "abx\b \bc\r\n", "abc\n"},
        {"\177\177a\n", "a\r\n", "a\n"},                              /* nothing to erase */
        {"gone\025ok\n", "gone\b \b\b \b\b \b\b \bok\r\n", "ok\n"},   /* ^U */
        {"one two\027x\n", "one two\b \b\b \b\b \bx\r\n", "one x\n"}, /* ^W */
        {"a  \027b\n", "a  \b \b\b \b\b \bb\r\n", "b\n"}, /* blanks go with the word before */
        {"\001\177a\n", "^A\b \b\b \ba\r\n", "a\n"},      /* two columns */
        {"\026\003x\n", "^\b^Cx\r\n", "\003x\n"},         /* ^V */
        {"ab\022c\n", "ab^R\r\nabc\r\n", "abc\n"},
        {"a\tb\177\177c\n", "a\tb\b \b\b\b\b\b\b\b\bc\r\n", "ac\n"}, /* a tab of seven columns */
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fresh(NULL);
        type(rows[i].typed);
        assert_shown(rows[i].shown);
        assert_read(100, rows[i].read);
        assert_nothing();
    }
}

static void test_utf8(void **state)
{
    set_modes(0, LINUX_IUTF8, 0);
    type("\303\251\177x\n");
    assert_shown("\303\251\b \bx\r\n");
    assert_read(100, "x\n");
}

static void test_end_of_file(void **state)
{
    char c;
    type("\004");
    assert_int_equal(ldisc_readable(&p), 1);
    assert_int_equal(read_some(&c, 1), 0);
    assert_nothing();
    type("ab\004");
    assert_shown("ab");
    assert_read(100, "ab"); /* no end: the line only ends here */
    assert_nothing();
    type("ab\004");
    assert_read(2, "ab"); /* filled to the last byte: still no end behind it */
    assert_nothing();
    type("ab\ncd\n");
    assert_read(3, "ab\n");
    assert_read(3, "cd\n");
    assert_nothing();
}

static void test_end_of_line_keys(void **state)
{
    p.y.tio.c_cc[LINUX_VEOL] = ';';
    type("a;b");
    assert_read(100, "a;");
    assert_nothing();
}

static void test_carriage_returns(void **state)
{
    p.y.tio.c_iflag = LINUX_IGNCR;
    type("a\rb\n");
    assert_read(100, "ab\n");
    p.y.tio.c_iflag = LINUX_INLCR;
    type("c\n");
    assert_nothing(); /* the line feed is a return now, and that ends no line */
    p.y.tio.c_iflag = LINUX_ISTRIP;
    type("\303\n");
    assert_read(100, "c\rC\n");
}

static void test_signal_keys(void **state)
{
    type("half\003");
    assert_shown("^C"); /* what was on its way to the screen is dropped with the line */
    type("x\n");
    assert_read(100, "x\n");
    p.y.tio.c_lflag |= LINUX_NOFLSH;
    type("ha\003lf\n");
    assert_read(100, "half\n");
    p.y.tio.c_lflag &= ~(uint32_t)LINUX_ISIG;
    type("\003\n");
    assert_read(100, "\003\n");
}

static void test_echo_modes(void **state)
{
    set_modes(LINUX_ECHO, 0, 0);
    type("secret\177\n");
    assert_shown("");
    p.y.tio.c_lflag |= LINUX_ECHONL;
    type("secret\n");
    assert_shown("\r\n");
    assert_read(100, "secre\n");
    p.y.tio.c_lflag |= LINUX_ECHO;
    p.y.tio.c_lflag &= ~(uint32_t)LINUX_ECHOCTL;
    type("\001");
    assert_shown("\001");
}

static void test_output(void **state)
{
    assert_written("a\nb\r\n", "a\r\nb\r\r\n");
    p.y.tio.c_oflag |= LINUX_XTABS;
    assert_written("ab\tc\td\n", "ab      c       d\r\n");
    p.y.tio.c_oflag = LINUX_OPOST | LINUX_OCRNL;
    assert_written("a\r", "a\n");
    p.y.tio.c_oflag = LINUX_OPOST | LINUX_ONOCR;
    p.column = 0;
    assert_written("\ra\r", "a\r");
    p.y.tio.c_oflag = 0;
    assert_written("a\n\t\r", "a\n\t\r");
}

static void test_raw(void **state)
{
    p.y.tio.c_cc[LINUX_VMIN] = 1;
    p.y.tio.c_cc[LINUX_VTIME] = 0;
    set_modes(LINUX_ICANON | LINUX_ECHO | LINUX_ISIG | LINUX_IEXTEN, 0, LINUX_OPOST);
    p.y.tio.c_iflag = 0;
    type("\003\004\r\026");
    assert_shown("");
    assert_read(100, "\003\004\r\026");
    assert_nothing();
    p.y.tio.c_cc[LINUX_VMIN] = 3;
    type("ab");
    assert_false(ldisc_ready(&p));
    char buf[8];
    assert_int_equal(read_some(buf, 8), -EAGAIN);
    assert_read(2, "ab"); /* never more than the reader asked for */
    type("abc");
    assert_true(ldisc_ready(&p));
    assert_read(100, "abc");
    p.y.tio.c_cc[LINUX_VMIN] = 0;
    assert_int_equal(read_some(buf, 8), 0);
}

static void test_change_of_modes(void **state)
{
    type("half");
    set_modes(LINUX_ICANON, 0, 0);
    p.y.tio.c_cc[LINUX_VMIN] = 1;
    assert_int_equal(ldisc_readable(&p), 4);
    struct linux_termios old = p.y.tio;
    p.y.tio.c_lflag |= LINUX_ICANON;
    ldisc_modes_changed(&p, &old);
    assert_read(100, "half"); /* counts as a line */
    assert_nothing();
}

static void test_flow(void **state)
{
    struct uio u;
    char text[] = "x";
    p.packet = true;
    type("\023"); /* ^S */
    assert_true(p.stopped);
    assert_int_equal(p.packet_status, LINUX_TIOCPKT_STOP);
    uio_kernel(&u, NULL, text, 1);
    assert_int_equal(ldisc_write(&p, &u), -EAGAIN);
    p.packet_status = 0;
    type("\021"); /* ^Q */
    assert_int_equal(p.packet_status, LINUX_TIOCPKT_START);
    assert_int_equal(ldisc_write(&p, &u), 1);
    type("\023");
    p.y.tio.c_iflag |= LINUX_IXANY;
    type("a");
    assert_false(p.stopped);
    type("\023\003"); /* a signal starts it too */
    assert_false(p.stopped);
    type("\023");
    struct linux_termios old = p.y.tio;
    p.y.tio.c_iflag &= ~(uint32_t)LINUX_IXON;
    p.packet_status = 0;
    ldisc_modes_changed(&p, &old);
    assert_false(p.stopped);
    assert_int_equal(p.packet_status, LINUX_TIOCPKT_NOSTOP | LINUX_TIOCPKT_START);
}

/* I1, I2: a line that is too long keeps its end; a reader always gets it. */
static void test_long_line(void **state)
{
    static char got[PTY_BUF + 1];
    for (uint32_t i = 0; i < PTY_BUF + 100; i++) {
        assert_true(ldisc_room(&p) > 0);
        type("a");
    }
    assert_nothing();
    type("\n");
    assert_int_equal(read_some(got, sizeof(got)), PTY_BUF);
    assert_int_equal(got[PTY_BUF - 2], 'a');
    assert_int_equal(got[PTY_BUF - 1], '\n');
    /* Whole lines that nobody reads stop the writer. */
    for (uint32_t i = 0; i < PTY_BUF && ldisc_room(&p); i++)
        type("\n");
    assert_int_equal(ldisc_room(&p), 0);
    assert_read(1, "\n");
    assert_true(ldisc_room(&p) > 0);
}

static void test_output_room(void **state)
{
    static char text[PTY_OUT];
    struct uio u;
    memset(text, '\n', sizeof(text));
    uio_kernel(&u, NULL, text, sizeof(text));
    ssize_t n = ldisc_write(&p, &u);
    assert_true(n > 0 && n < (ssize_t)sizeof(text));
    assert_int_equal(p.out_head - p.out_tail, 2 * n);
    assert_int_equal(ldisc_write(&p, &u), -EAGAIN);
    type("ab\n"); /* an echo without room is lost, the input is not */
    assert_read(100, "ab\n");
}

/* Any keys in any modes: the rings' invariants hold, and a reader in raw mode gets all that is there. */
static void test_any_keys(void **state)
{
    uint64_t seed = 7;
    char buf[64];
    for (int i = 0; i < 200000; i++) {
        uint64_t r = test_random(&seed);
        if (r % 97 == 0) {
            struct linux_termios old = p.y.tio;
            p.y.tio.c_lflag = (uint32_t)(r >> 8) & 0xffff;
            p.y.tio.c_iflag = (uint32_t)(r >> 24) & 0x7fff;
            p.y.tio.c_oflag = (uint32_t)(r >> 40) & 0x1fff;
            p.y.tio.c_cc[LINUX_VTIME] = 0;
            ldisc_modes_changed(&p, &old);
        } else if (r % 5 == 0) {
            (void)read_some(buf, r >> 8 & 63);
        } else if (r % 7 == 0) {
            p.out_tail = p.out_head;
        } else if (ldisc_room(&p)) {
            ldisc_input(&p, (uint8_t)(r >> 16));
        }
        assert_true(p.in_head - p.in_tail <= PTY_BUF);
        assert_true(p.in_canon - p.in_tail <= p.in_head - p.in_tail);
        assert_true(p.out_head - p.out_tail <= PTY_OUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_lines, fresh),
        cmocka_unit_test_setup(test_editing, fresh),
        cmocka_unit_test_setup(test_utf8, fresh),
        cmocka_unit_test_setup(test_end_of_file, fresh),
        cmocka_unit_test_setup(test_end_of_line_keys, fresh),
        cmocka_unit_test_setup(test_carriage_returns, fresh),
        cmocka_unit_test_setup(test_signal_keys, fresh),
        cmocka_unit_test_setup(test_echo_modes, fresh),
        cmocka_unit_test_setup(test_output, fresh),
        cmocka_unit_test_setup(test_raw, fresh),
        cmocka_unit_test_setup(test_change_of_modes, fresh),
        cmocka_unit_test_setup(test_flow, fresh),
        cmocka_unit_test_setup(test_long_line, fresh),
        cmocka_unit_test_setup(test_output_room, fresh),
        cmocka_unit_test_setup(test_any_keys, fresh),
    };
    return cmocka_run_group_tests_name("ldisc", tests, NULL, NULL);
}
