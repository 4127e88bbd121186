// SPDX-License-Identifier: MIT
/*
 * fuzz-ioctl - random sequences of ioctls on /dev/accel/accelN, guided by what of tern.ko they reach.
 *
 *   fuzz-ioctl [SECONDS [SEED]]   30; the clock's
 *   fuzz-ioctl --syzkaller        prints the same table as a description for syzkaller
 *
 * A sequence is bytes, from which values.c chooses arguments; one that reaches a step from block
 * to block that none before has reached is kept, and changed further. KCOV sees what the calling
 * thread does, in modules built with KCOV_INSTRUMENT=y. The test fails when the kernel complains,
 * and prints the sequences on that file, the last of which did it, and the calls. Speaks TAP.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "coverage.h"
#include "results.h"
#include "selftests/selftest.h"
#include "values.h"

#define CALLS	12 /* of a sequence */
#define BYTES	63 /* that decide on one */
#define CORPUS	4096
#define REUSE	25 /* sequences on one open file */
#define PATIENT 50 /* milliseconds of a sequence: then signals come */

struct step {
	uint8_t call;
	uint8_t byte[BYTES];
};

struct sequence {
	unsigned int steps;
	struct step step[CALLS];
};

static struct sequence corpus[CORPUS], recent[REUSE]; /* on the open file */
static unsigned int kept;
static struct context c;
static struct objects objects;
static struct buffer ring;
static unsigned int limit_seconds = 30;
static uint64_t seed;

/* ---- Chance: xorshift64* ---- */
static uint64_t state;

static uint64_t chance(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

static unsigned int below(unsigned int n)
{
	return (unsigned int)((chance() >> 32) % n);
}

/* ---- One sequence ---- */
static void file_open(void)
{
	struct tern_ring *r;

	memset(&objects, 0, sizeof(objects));
	context_open(&c);
	image_fence(&c.image, TERN_REG_ARGS, 8, 7);
	image_end(&c.image, c.code.map);
	ring = make_buffer(c.fd, 2 * PAGE);
	bind(c.fd, c.vm, ring.handle, RING_VA, ring.size, DRM_TERN_BIND_WRITE);
	r = ring.map;
	r->entries = RING_VA + sizeof(*r);
	r->count = 8;
	*(struct tern_job *)(r + 1) = (struct tern_job){.image = CODE_VA, .args = DATA_VA};
	r->write = 1;
	objects_add(&objects, KIND_BO, ring.handle);
	objects_add(&objects, KIND_BO, c.data.handle);
	objects_add(&objects, KIND_VM, c.vm);
	objects_add(&objects, KIND_QUEUE, c.queue);
	objects_add(&objects, KIND_SYNCOBJ, make_syncobj(c.fd));
}

static void file_close(void)
{
	for (unsigned int i = 0; i < objects.made[KIND_FD] && i < OBJECTS; i++)
		close((int)objects.id[KIND_FD][i]);
	munmap(ring.map, ring.size);
	munmap(c.code.map, c.code.size);
	munmap(c.data.map, c.data.size);
	close(c.fd);
}

static void touch(const struct drm_tern_bo_mmap_offset *args)
{
	volatile char *map =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, c.fd, (off_t)args->offset);

	if (map == MAP_FAILED)
		return;
	map[8] = map[0];
	munmap((void *)map, PAGE);
}

static void read_events(void)
{
	struct pollfd pollfd = {.fd = c.fd, .events = POLLIN};
	char events[256];

	if (poll(&pollfd, 1, 0) == 1 && read(c.fd, events, sizeof(events)) < 0)
		return;
}

static void run_step(const struct step *step)
{
	const struct call *call = &calls[step->call % call_count];
	struct choices choices = {step->byte, BYTES};
	uint64_t args[64] = {0};
	int ret;

	if (call->request == DRM_IOCTL_TERN_BO_FROM_USERPTR)
		values_fresh();
	values_begin();
	values_fill(args, call->args, &objects, &choices);
	ret = try_ioctl(c.fd, call->request, args);
	results_add(step->call % call_count, args, ret);
	if (ret)
		return;
	values_keep(args, call->args, &objects);
	if (call->request == DRM_IOCTL_TERN_BO_MMAP_OFFSET)
		touch((void *)args);
	if (call->request == DRM_IOCTL_TERN_QUEUE_WAIT)
		read_events();
}

static void signals(unsigned int milliseconds)
{
	struct itimerval timer = {.it_value.tv_usec = milliseconds * 1000,
				  .it_interval.tv_usec = milliseconds * 1000};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static unsigned int run_sequence(const struct sequence *sequence)
{
	coverage_begin();
	signals(PATIENT);
	for (unsigned int i = 0; i < sequence->steps; i++)
		run_step(&sequence->step[i]);
	signals(0);
	return coverage_end();
}

/* ---- New sequences from old ones ---- */
static struct step new_step(void)
{
	struct step step = {.call = (uint8_t)below(call_count)};

	for (unsigned int i = 0; i < BYTES; i++) /* often as usual */
		step.byte[i] = below(3) ? 0 : (uint8_t)chance();
	return step;
}

static void insert(struct sequence *s, struct step step)
{
	unsigned int at = below(s->steps + 1);

	if (s->steps == CALLS)
		return;
	memmove(&s->step[at + 1], &s->step[at], (s->steps - at) * sizeof(step));
	s->step[at] = step;
	s->steps++;
}

static void change(struct sequence *s)
{
	const struct sequence *other = &corpus[below(kept)];
	struct step *step = &s->step[below(s->steps)];
	unsigned int at = (unsigned int)(step - s->step);

	switch (below(8)) {
	case 0:
		insert(s, new_step());
		break;
	case 1:
		insert(s, other->step[below(other->steps)]);
		break;
	case 2:
		insert(s, *step);
		break;
	case 3:
		if (s->steps > 1)
			memmove(step, step + 1, (--s->steps - at) * sizeof(*step));
		break;
	case 4:
		*step = new_step();
		break;
	default: /* the first bytes decide on most */
		step->byte[below(1 + below(BYTES))] = (uint8_t)chance();
	}
}

static struct sequence choose(void)
{
	struct sequence s =
		corpus[below(2) ? below(kept) : kept - 1 - below(kept < 32 ? kept : 32)];

	for (unsigned int n = 1 + below(4); n; n--)
		change(&s);
	return s;
}

/* A call each, as usual as can be, and ways to good paths that chance finds late. */
static const struct {
	bool goes_on; /* a step of the seed before */
	unsigned long request;
	uint8_t byte[16];
} seeds[] = {
	{false, DRM_IOCTL_TERN_BO_SYNC, {0, 3}},
	{false, DRM_IOCTL_TERN_QUEUE_CREATE, {0, 1, 1}}, /* user-owned, */
	{true, DRM_IOCTL_TERN_QUEUE_KICK, {8}},
	{false, DRM_IOCTL_TERN_QUEUE_CREATE, {0, 0, 1, 0, 7, 0, 0, 6}},
	{false, DRM_IOCTL_TERN_QUEUE_WAIT, {0, 0, 7}},		      /* a job */
	{false, DRM_IOCTL_TERN_VM_BIND, {0, 0, 0, 1}},		      /* replace */
	{false, DRM_IOCTL_TERN_VM_BIND, {0, 0, 0, 2, 0, 7}},	      /* unmap */
	{false, DRM_IOCTL_TERN_VM_BIND, {0, 1, 0, 1, [10] = 129, 1}}, /* asynchronous, signals */
	{false, DRM_IOCTL_TERN_SUBMIT, {[9] = 129, 1}},		      /* signals */
	{false, DRM_IOCTL_TERN_PERF, {3, 7, 0, 0, 7}},		      /* trace: start, */
	{true, DRM_IOCTL_TERN_PERF, {4, 7, 0, 5}},		      /* read, */
	{true, DRM_IOCTL_TERN_PERF, {5, 7, 4, 0, 7}},		      /* stop */
	{false, DRM_IOCTL_PRIME_HANDLE_TO_FD, {0}},
	{true, DRM_IOCTL_PRIME_FD_TO_HANDLE, {0}},
};

static unsigned int call_of(unsigned long request)
{
	unsigned int i = 0;

	while (calls[i].request != request)
		i++;
	return i;
}

static void seed_corpus(void)
{
	for (kept = 0; kept < call_count; kept++)
		corpus[kept] = (struct sequence){.steps = 1, .step[0].call = (uint8_t)kept};
	for (size_t i = 0; i < ARRAY_SIZE(seeds); i++) {
		struct step step = {.call = (uint8_t)call_of(seeds[i].request)};
		struct sequence *to = &corpus[seeds[i].goes_on ? kept - 1 : kept++];

		memcpy(step.byte, seeds[i].byte, sizeof(seeds[i].byte));
		to->step[to->steps++] = step;
	}
}

/* ---- The test ---- */
static void print_sequence(const struct sequence *s)
{
	printf("# sequence:\n");
	for (unsigned int i = 0; i < s->steps; i++) {
		printf("# %s ", calls[s->step[i].call % call_count].name);
		for (unsigned int k = 0; k < BYTES; k++)
			printf("%02x", s->step[i].byte[k]);
		printf("\n");
	}
}

static void print_sum(uint64_t sequences, double seconds)
{
	results_print();
	coverage_print();
	printf("# fuzzed: %llu sequences, %.0f ioctls/s; %u blocks, %u steps between them, %u "
	       "kept; seed "
	       "%llu\n",
	       (unsigned long long)sequences, (double)results_calls() / seconds, coverage_blocks,
	       coverage_edges, kept, (unsigned long long)seed);
}

static void device_works(void)
{
	file_open();
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	EQUAL(queue_state(c.fd, c.queue).error, 0);
	file_close();
}

static void fuzz(void)
{
	uint64_t sequences = 0;
	int64_t begin = monotonic(0), end = monotonic(1000ll * limit_seconds);
	unsigned int first; /* so many seeds, on a file each */
	unsigned int on_file = 0;
	struct sequence s;

	log_open();
	coverage_open();
	seed_corpus();
	first = kept;
	for (; sequences < first || monotonic(0) < end; sequences++) {
		if (sequences <= first || on_file == REUSE) {
			if (sequences)
				file_close();
			file_open();
			on_file = 0;
		}
		s = sequences < first ? corpus[sequences] : choose();
		if (run_sequence(&s) && sequences >= first && kept < CORPUS)
			corpus[kept++] = s;
		recent[on_file++] = s;
		if (log_complains()) {
			for (unsigned int i = 0; i < on_file; i++)
				print_sequence(&recent[i]);
			results_print_sent();
			fail(__FILE__, __LINE__, "the kernel complains; seed %llu, sequence %llu",
			     (unsigned long long)seed, (unsigned long long)sequences);
		}
	}
	file_close();
	print_sum(sequences, (double)(monotonic(0) - begin) / 1e9);
	CHECK(coverage_blocks > 0); /* else tern.ko is not instrumented */
	results_judge();
	device_works();
}

static void nothing(int signal)
{
	(void)signal;
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {{"ioctls in any order", fuzz}};
	struct sigaction action = {.sa_handler = nothing}; /* calls are not restarted */

	table_check();
	if (argc > 1 && !strcmp(argv[1], "--syzkaller")) {
		syzkaller_print();
		return 0;
	}
	limit_seconds = argc > 1 ? (unsigned int)atoi(argv[1]) : limit_seconds;
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL);
	state = seed * 2 + 1;
	values_init();
	sigaction(SIGALRM, &action, NULL);
	return RUN(tests);
}
