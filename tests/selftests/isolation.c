// SPDX-License-Identifier: MIT
/*
 * Nothing of a context is left for the next one: what it had in SPM, accumulators and registers,
 * however it went, and what was in the memory of others.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest_engines.h"

#define FROM_VA	 0x10000000ull /* SPM's worth of marks */
#define TO_VA	 0x20000000ull /* of what was found in SPM, and behind it in the accumulators */
#define FRESH_VA 0x30000000ull
#define FRESH	 (8u << 20)
#define FILLED	 4711
#define WIDTH	 1024u /* elements of a row: a page */
#define K	 32u
#define SIDE	 64u /* of a product that fills SIDE * SIDE accumulators */

enum { T_SPM, T_FROM, T_TO, T_A, T_RESULT, T_ACC_TO };

/* What a context does: to its end, or on and on. */
struct party {
	struct context c;
	struct buffer from, to;
};

static struct party marks, looks;
static struct program p;
static uint32_t spm;

/* ---- Programs ---- */
static uint32_t spm_size(int fd)
{
	struct tern_caps caps = {0};
	struct drm_tern_dev_query query = {
		.type = DRM_TERN_QUERY_CAPS, .size = sizeof(caps), .pointer = (uintptr_t)&caps};

	do_ioctl(fd, DRM_IOCTL_TERN_DEV_QUERY, &query);
	return caps.spm_bytes;
}

static void tile(unsigned int number, uint64_t at, uint32_t type, uint32_t width, uint32_t rows)
{
	struct tile t = {IMM(at), IMM(0), type, width, rows};

	image_tile(&p.image, number, &t);
}

static void write_tiles(void)
{
	tile(T_SPM, 0, TERN_T_I32 | TERN_TILE_SPM, WIDTH, spm / PAGE);
	tile(T_FROM, FROM_VA, TERN_T_I32, WIDTH, spm / PAGE);
	tile(T_TO, TO_VA, TERN_T_I32, WIDTH, spm / PAGE);
	tile(T_A, 0, TERN_T_F32 | TERN_TILE_SPM, K, SIDE);
	tile(T_RESULT, K * SIDE * 4, TERN_T_F32 | TERN_TILE_SPM, SIDE, SIDE);
	tile(T_ACC_TO, TO_VA + spm, TERN_T_F32, SIDE, SIDE);
}

/* Marks everywhere: each step waits for all before it, so nothing needs a semaphore. */
static void write_fill(void)
{
	image_dma(&p.image, TERN_OP_LOAD, 0, T_SPM, T_FROM, 0);
	image_fence(&p.image, TERN_REG_ARGS, 0, 0);
	image_matrix(&p.image, 0, T_A, T_A, TERN_NONE, 0);
	for (unsigned int reg = 2; reg < TERN_NREGS; reg++)
		image_movi(&p.image, reg, 0x1111 * (int64_t)reg);
	image_fence(&p.image, TERN_REG_ARGS, 0, FILLED);
}

/* All of SPM goes out, then the accumulators plus nothing. A register that is not zero traps. */
static void write_dump(bool registers)
{
	for (unsigned int reg = 2; registers && reg < TERN_NREGS; reg++) {
		image_jump_if_zero(&p.image, reg, p.image.words + 5);
		image_trap(&p.image, reg);
	}
	image_dma(&p.image, TERN_OP_STORE, 0, T_SPM, T_TO, 0);
	image_fence(&p.image, TERN_REG_ARGS, 8, 1);
	image_matrix(&p.image, TERN_MATRIX_ACC | TERN_MATRIX_OUT, T_A, T_A, T_RESULT, 0);
	image_fence(&p.image, TERN_REG_ARGS, 8, 2);
	image_dma(&p.image, TERN_OP_STORE, 0, T_RESULT, T_ACC_TO, 0);
}

static void end_program(struct party *party)
{
	program_end(&p, spm, SIDE * SIDE, party->c.code.map);
}

/* ---- Parties ---- */
static void party_open(struct party *party)
{
	float *from;

	context_open(&party->c);
	spm = spm_size(party->c.fd);
	party->from = make_buffer(party->c.fd, spm);
	party->to = make_buffer(party->c.fd, spm + SIDE * SIDE * 4);
	bind(party->c.fd, party->c.vm, party->from.handle, FROM_VA, spm, 0);
	bind(party->c.fd, party->c.vm, party->to.handle, TO_VA, party->to.size,
	     DRM_TERN_BIND_WRITE);
	from = party->from.map;
	for (uint32_t i = 0; i < spm / 4; i++)
		from[i] = 1.0f + (float)(i % 7);
	memset(party->to.map, 0x5a, party->to.size);
	program_begin(&p);
	write_tiles();
}

static void party_close(struct party *party)
{
	free_buffer(party->c.fd, &party->from);
	free_buffer(party->c.fd, &party->to);
	context_close(&party->c);
}

static uint64_t start(struct party *party)
{
	struct drm_tern_job job = {.image = CODE_VA, .args = DATA_VA, .budget = 1ull << 44};
	struct drm_tern_submit call = {.queue_id = party->c.queue, .jobs = DRM_TERN_ARRAY(1, &job)};

	do_ioctl(party->c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	return call.last_job;
}

/* A job that has filled everything: goes on for ever, faults, or ends. */
enum way { GOES_ON, FAULTS, ENDS };

static uint64_t start_marks(enum way way)
{
	uint64_t job;

	party_open(&marks);
	write_fill();
	if (way == GOES_ON)
		image_loop(&p.image, 2, INT64_MAX);
	if (way == FAULTS)
		image_trap(&p.image, 1);
	end_program(&marks);
	job = start(&marks);
	for (int i = 0; i < 6000 && *(volatile uint64_t *)marks.c.data.map != FILLED; i++)
		usleep(10000);
	EQUAL(*(volatile uint64_t *)marks.c.data.map, FILLED);
	return job;
}

static void look(void)
{
	struct drm_tern_queue_create high = {.priority = DRM_TERN_PRIORITY_HIGH};
	const uint32_t *found;
	uint64_t job;

	party_open(&looks);
	high.vm_id = looks.c.vm;
	do_ioctl(looks.c.fd, DRM_IOCTL_TERN_QUEUE_CREATE, &high);
	looks.c.queue = high.queue_id;
	write_dump(true);
	end_program(&looks);
	job = start(&looks);
	EQUAL(context_wait(&looks.c, job), 0);
	EQUAL(queue_state(looks.c.fd, looks.c.queue).error, 0);
	found = looks.to.map;
	for (uint32_t i = 0; i < spm / 4 + SIDE * SIDE; i++)
		EQUAL(found[i], 0);
	party_close(&looks);
}

/* ---- What is left in the device ---- */
/* Or else nothing would be proved by not finding it. */
static void marks_are_found_by_who_made_them(void)
{
	const float *found, *from;
	uint64_t job;

	party_open(&marks);
	write_fill();
	write_dump(false);
	end_program(&marks);
	job = start(&marks);
	EQUAL(context_wait(&marks.c, job), 0);
	EQUAL(queue_state(marks.c.fd, marks.c.queue).error, 0);
	found = marks.to.map;
	from = marks.from.map;
	for (uint32_t i = 0; i < spm / 4; i++)
		EQUAL(found[i], from[i]);
	for (uint32_t i = 0; i < SIDE * SIDE; i++) {
		float product = 0;

		for (uint32_t k = 0; k < K; k++)
			product += from[i / SIDE * K + k] * from[i % SIDE * K + k];
		EQUAL(found[spm / 4 + i], 2 * product);
	}
	party_close(&marks);
}

static void after_one_that_ended(void)
{
	uint64_t job = start_marks(ENDS);

	EQUAL(context_wait(&marks.c, job), 0);
	EQUAL(queue_state(marks.c.fd, marks.c.queue).error, 0);
	look();
	party_close(&marks);
}

static void after_one_that_faulted(void)
{
	uint64_t job = start_marks(FAULTS);

	EQUAL(context_wait(&marks.c, job), 0);
	EQUAL(queue_state(marks.c.fd, marks.c.queue).fault.code, TERN_FAULT_TRAP);
	look();
	party_close(&marks);
}

static void while_one_is_preempted(void)
{
	start_marks(GOES_ON);
	for (int i = 0; i < 3; i++) {
		look();
		EQUAL(queue_state(marks.c.fd, marks.c.queue).done, 0);
	}
	party_close(&marks);
}

static void after_one_whose_queue_is_destroyed(void)
{
	struct drm_tern_queue_destroy args = {0};

	start_marks(GOES_ON);
	args.queue_id = marks.c.queue;
	do_ioctl(marks.c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &args);
	look();
	party_close(&marks);
}

/* In a process of its own, which gets itself killed. */
static void die(void)
{
	fflush(stdout);
	kill(getpid(), SIGKILL);
}

static void killed_after(void (*run)(void))
{
	int status = 0;
	pid_t child = start_child(run);

	EQUAL(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void fill_device(void)
{
	start_marks(GOES_ON);
	die();
}

static void after_one_that_was_killed(void)
{
	killed_after(fill_device);
	look();
}

/* ---- What is left in memory ---- */
static void fill_memory(void)
{
	struct buffer fresh;

	party_open(&marks);
	fresh = make_buffer(marks.c.fd, FRESH);
	memset(fresh.map, 0xa7, FRESH);
	bind(marks.c.fd, marks.c.vm, fresh.handle, FRESH_VA, FRESH, DRM_TERN_BIND_WRITE);
	image_loop(&p.image, 2, INT64_MAX);
	end_program(&marks);
	start(&marks);
	die();
}

/* A job copies pages that no CPU has touched, through SPM, to where they are seen. */
static void copy_fresh(uint32_t offset)
{
	const uint64_t *found = looks.to.map;
	uint64_t job;

	memset(looks.to.map, 0x5a, looks.to.size);
	program_begin(&p);
	write_tiles();
	tile(T_FROM, FRESH_VA + offset, TERN_T_I32, WIDTH, spm / PAGE);
	image_dma(&p.image, TERN_OP_LOAD, 0, T_SPM, T_FROM, 0);
	image_fence(&p.image, TERN_REG_ARGS, 0, 0);
	image_dma(&p.image, TERN_OP_STORE, 0, T_SPM, T_TO, 0);
	end_program(&looks);
	job = start(&looks);
	EQUAL(context_wait(&looks.c, job), 0);
	EQUAL(queue_state(looks.c.fd, looks.c.queue).error, 0);
	for (uint32_t i = 0; i < spm / 8; i++)
		EQUAL(found[i], 0);
}

static void memory_of_the_killed(void)
{
	for (int round = 0; round < 4; round++) {
		struct drm_tern_bo_create fresh = {.size = FRESH};

		killed_after(fill_memory);
		party_open(&looks);
		do_ioctl(looks.c.fd, DRM_IOCTL_TERN_BO_CREATE, &fresh);
		bind(looks.c.fd, looks.c.vm, fresh.handle, FRESH_VA, FRESH, 0);
		for (uint32_t offset = 0; offset + spm <= FRESH; offset += spm)
			copy_fresh(offset);
		close_handle(looks.c.fd, fresh.handle);
		party_close(&looks);
	}
}

static const struct test tests[] = {
	{"marks are found by who made them", marks_are_found_by_who_made_them},
	{"after one that ended", after_one_that_ended},
	{"after one that faulted", after_one_that_faulted},
	{"while one is preempted", while_one_is_preempted},
	{"after one whose queue is destroyed", after_one_whose_queue_is_destroyed},
	{"after one that was killed", after_one_that_was_killed},
	{"memory of the killed", memory_of_the_killed},
};

int main(void)
{
	return RUN(tests);
}
