// SPDX-License-Identifier: GPL-2.0
/* The MCU as its surroundings see it: running or not, its interrupt line, its clock. */
#include "mcu.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "model.h"

/* ---- the line and the clock -------------------------------------------------------------------- */
bool mcu_line(const struct model *m)
{
	return m->mcu.kick || m->mcu.events || m->mcu.doorbells;
}

void mcu_wake(struct model *m)
{
	m->mcu.attention = 1;
	clock_rouse(&m->clock, CLOCK_MCU);
	pthread_cond_broadcast(&m->changed);
}

void mcu_event(struct model *m, uint32_t events)
{
	m->mcu.events |= events;
	mcu_wake(m);
}

void mcu_kick(struct model *m)
{
	m->mcu.kick = 1;
	mcu_wake(m);
}

void mcu_doorbell(struct model *m, unsigned int slot)
{
	if (!slot_valid(m, slot))
		return;
	m->mcu.doorbells |= 1ull << slot;
	mcu_wake(m);
}

uint64_t mcu_clock(struct model *m)
{
	struct mcu *c = &m->mcu;
	uint64_t now = clock_now(&m->clock), next;

	if (now >= c->timer) {
		c->timer = UINT64_MAX;
		mcu_event(m, TERN_EVENT_TIMER);
	}
	if (c->watchdog && now >= c->watchdog)
		mcu_halt(m);
	next = c->timer;
	if (c->watchdog && c->watchdog < next)
		next = c->watchdog;
	return next;
}

/* ---- running and stopping ------------------------------------------------------------------------- */
void mcu_reset_registers(struct model *m)
{
	struct mcu *c = &m->mcu;

	c->boot_status = c->heartbeat = c->kick = c->events = c->command_slot = 0;
	c->doorbells = c->pending = c->watchdog = 0;
	c->timer = UINT64_MAX;
	c->halted = false;
	if (!m->engine.running)
		m->engine.power = TERN_POWER_OFF;
}

void mcu_control(struct model *m, bool run)
{
	struct mcu *c = &m->mcu;

	if (run && !c->run) {
		mcu_reset_registers(m);
		c->run = true;
	} else if (!run) {
		c->run = false;
		mcu_wake(m);
		while (c->running)
			pthread_cond_wait(&m->changed, &m->lock);
		mcu_reset_registers(m);
	}
	pthread_cond_broadcast(&m->changed);
}

void mcu_halt(struct model *m)
{
	m->mcu.halted = true;
	m->mcu.watchdog = 0;
	mcu_wake(m);
	irq_raise(m, TERN_IRQ_MCU);
}

bool mcu_uses_memory(const struct model *m)
{
	return m->mcu.running;
}

void mcu_flush(struct model *m)
{
	m->mcu.flush = true;
	mcu_wake(m);
}

/* ---- the thread ------------------------------------------------------------------------------------ */
static void *mcu_thread(void *arg)
{
	struct model *m = arg;
	struct mcu *c = &m->mcu;

	pthread_mutex_lock(&m->lock);
	while (!c->quit) {
		if (!c->run || c->halted) {
			pthread_cond_wait(&m->changed, &m->lock);
			continue;
		}
		c->running = true;
		clock_work(&m->clock, CLOCK_MCU);
		pthread_mutex_unlock(&m->lock);
		hart_run(m, c->entry);
		pthread_mutex_lock(&m->lock);
		c->running = c->flush = false;
		clock_free(&m->clock, CLOCK_MCU);
		mmu_waited(m, WAIT_MCU);
		reset_progress(m);
		pthread_cond_broadcast(&m->changed);
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

int mcu_create(struct model *m)
{
	struct mcu *c = &m->mcu;
	int err;

	c->tcm = mmap(NULL, TCM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c->tcm == MAP_FAILED)
		return -1;
	mcu_reset_registers(m);
	/* The thread looks at its clock only after it got the lock. */
	pthread_mutex_lock(&m->lock);
	err = pthread_create(&c->thread, NULL, mcu_thread, m);
	if (!err) {
		pthread_setname_np(c->thread, "mcu");
		clock_of(&m->clock, CLOCK_MCU, c->thread);
	}
	pthread_mutex_unlock(&m->lock);
	return err ? -1 : 0;
}

void mcu_destroy(struct model *m)
{
	pthread_mutex_lock(&m->lock);
	m->mcu.quit = true;
	m->mcu.run = false;
	mcu_wake(m);
	pthread_mutex_unlock(&m->lock);
	pthread_join(m->mcu.thread, NULL);
	munmap(m->mcu.tcm, TCM_BYTES);
}
