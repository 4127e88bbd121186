// SPDX-License-Identifier: GPL-2.0
#include "clock.h"

static uint64_t nanoseconds(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t clock_host(void)
{
	return nanoseconds(CLOCK_MONOTONIC);
}

/* ---- with the lock ------------------------------------------------------------------------------ */
static uint64_t limit(const struct clock *c, unsigned int part)
{
	switch (c->part[part].hold) {
	case CLOCK_AT_WORK:
		return c->part[part].limit + nanoseconds(c->part[part].cpu) - c->part[part].since;
	case CLOCK_ASLEEP:
	case CLOCK_LEAVING:
		return c->part[part].limit;
	default:
		return UINT64_MAX;
	}
}

/* What could not be counted is gone: it is not made up for. */
static uint64_t advance(struct clock *c)
{
	uint64_t host = clock_host(), to = c->now + (host - c->host);

	c->host = host;
	for (unsigned int i = 0; i < CLOCK_PARTS; i++) {
		uint64_t most = limit(c, i);

		to = most < to ? most : to;
	}
	if (to > c->now)
		c->now = to;
	return c->now;
}

static void hold(struct clock *c, enum clock_part part, enum clock_hold how, uint64_t most)
{
	c->part[part].hold = how;
	c->part[part].limit = most;
	if (how == CLOCK_AT_WORK)
		c->part[part].since = nanoseconds(c->part[part].cpu);
}

/* ---- for the model ------------------------------------------------------------------------------- */
void clock_start(struct clock *c)
{
	*c = (struct clock){.host = clock_host()};
	pthread_mutex_init(&c->lock, NULL);
}

void clock_of(struct clock *c, enum clock_part part, pthread_t thread)
{
	pthread_mutex_lock(&c->lock);
	pthread_getcpuclockid(thread, &c->part[part].cpu);
	pthread_mutex_unlock(&c->lock);
}

uint64_t clock_now(struct clock *c)
{
	uint64_t now;

	pthread_mutex_lock(&c->lock);
	now = advance(c);
	pthread_mutex_unlock(&c->lock);
	return now;
}

static void change(struct clock *c, enum clock_part part, enum clock_hold how)
{
	pthread_mutex_lock(&c->lock);
	hold(c, part, how, advance(c));
	pthread_mutex_unlock(&c->lock);
}

void clock_free(struct clock *c, enum clock_part part)
{
	change(c, part, CLOCK_FREE);
}

void clock_work(struct clock *c, enum clock_part part)
{
	change(c, part, CLOCK_AT_WORK);
}

void clock_leave(struct clock *c, enum clock_part part)
{
	change(c, part, CLOCK_LEAVING);
}

void clock_sleep(struct clock *c, enum clock_part part, uint64_t when)
{
	uint64_t now;

	pthread_mutex_lock(&c->lock);
	now = advance(c);
	hold(c, part, CLOCK_ASLEEP, when > now ? when : now);
	pthread_mutex_unlock(&c->lock);
}

void clock_rouse(struct clock *c, enum clock_part part)
{
	pthread_mutex_lock(&c->lock);
	if (c->part[part].hold == CLOCK_ASLEEP)
		hold(c, part, CLOCK_AT_WORK, advance(c));
	pthread_mutex_unlock(&c->lock);
}
