/* Lets the clock of a server be moved: what it reads of the time of day is so many seconds ahead as AHEAD says.
   libfaketime allocates while it is loaded, and waits for ever for the allocator that asks it for the time. */

#define AHEAD "/tmp/labs-clock"

typedef long time_t;
struct timespec { time_t tv_sec; long tv_nsec; };
struct timeval { time_t tv_sec; long tv_usec; };

enum { CLOCK_REALTIME = 0, CLOCK_REALTIME_COARSE = 5, CLOCK_MONOTONIC_COARSE = 6, O_CLOEXEC = 02000000 };

int *__errno_location(void);
int open(const char *, int, ...);
long read(int, void *, unsigned long);
int close(int);
int __clock_gettime(int, struct timespec *);

static time_t look(void)
{
    int saved = *__errno_location(), file = open(AHEAD, O_CLOEXEC);
    char digits[20];
    long length = file < 0 ? 0 : read(file, digits, sizeof digits);
    time_t seconds = 0;
    for (long at = 0; at < length && digits[at] >= '0' && digits[at] <= '9'; at++)
        seconds = 10 * seconds + digits[at] - '0';
    if (file >= 0)
        close(file);
    *__errno_location() = saved;
    return seconds;
}

/* Looks once a tick of the kernel, some milliseconds. */
static time_t ahead(void)
{
    static struct timespec looked;
    static time_t seconds;
    struct timespec now;
    __clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (now.tv_nsec != looked.tv_nsec || now.tv_sec != looked.tv_sec) {
        looked = now;
        seconds = look();
    }
    return seconds;
}

int clock_gettime(int clock, struct timespec *now)
{
    int failed = __clock_gettime(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += ahead();
    return failed;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where)
{
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (where)
        *where = exact.tv_sec;
    return exact.tv_sec;
}
