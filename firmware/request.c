// SPDX-License-Identifier: MIT
#include "firmware.h"

#define MAX_REQUESTS 16 /* in one pass: a kernel that floods the ring gets no more than that */

/* What one of them says, once it has been validated; or WAITING, which says it later. */
#define WAITING 0xffffu
struct answer {
	uint32_t status; /* enum tern_fw_status */
	uint64_t arg[2];
};

static void answer(struct firmware *fw, uint32_t seq, const struct answer *a)
{
	ipc_reply(fw, seq, (enum tern_fw_status)a->status, a->arg[0], a->arg[1]);
}

/* ---- Requests ---------------------------------------------------------------------------- */

static struct answer do_PING(struct firmware *fw, const struct tern_fw_message *m)
{
	(void)fw;
	return (struct answer){TERN_FW_STATUS_OK, {m->arg[0], hal_load64(HAL_REG(TIMESTAMP))}};
}

static struct answer do_SLOT_START(struct firmware *fw, const struct tern_fw_message *m)
{
	if (!(hal_load64(HAL_REG(VALID_SLOTS)) & SLOT_BIT(m->slot)) || !slots_start(fw, m->slot))
		return (struct answer){.status = TERN_FW_STATUS_STATE};
	return (struct answer){.status = TERN_FW_STATUS_OK};
}

static struct answer do_SLOT_STOP(struct firmware *fw, const struct tern_fw_message *m)
{
	if (m->arg[0] > TERN_FW_STOP_ABORT)
		return (struct answer){.status = TERN_FW_STATUS_INVALID};
	if (!(fw->slots.started & SLOT_BIT(m->slot)))
		return (struct answer){.status = TERN_FW_STATUS_STATE};
	slots_stop(fw, m->slot);
	return (struct answer){.status = WAITING};
}

static struct answer do_SUSPEND(struct firmware *fw, const struct tern_fw_message *m)
{
	if (m->arg[0] & ~(uint64_t)(TERN_FW_SUSPEND_FORCE | TERN_FW_SUSPEND_HALT))
		return (struct answer){.status = TERN_FW_STATUS_INVALID};
	if (fw->power.off)
		return (struct answer){.status = TERN_FW_STATUS_STATE};
	return (struct answer){.status = WAITING};
}

static struct answer do_RESUME(struct firmware *fw, const struct tern_fw_message *m)
{
	(void)m;
	if (!fw->power.off)
		return (struct answer){.status = TERN_FW_STATUS_STATE};
	power_resume(fw);
	return (struct answer){.status = TERN_FW_STATUS_OK};
}

static struct answer do_SET_PARAM(struct firmware *fw, const struct tern_fw_message *m)
{
	uint32_t before = m->arg[0] < TERN_FW_NPARAMS ? fw->params.value[m->arg[0]] : 0;

	if (!params_set(&fw->params, m->arg[0], m->arg[1]))
		return (struct answer){.status = TERN_FW_STATUS_INVALID};
	firmware_params_changed(fw);
	return (struct answer){TERN_FW_STATUS_OK, {before, 0}};
}

static const struct {
	struct answer (*run)(struct firmware *fw, const struct tern_fw_message *m);
	uint64_t feature;
	bool names_slot;
} requests[] = {
#define X(name, code, slot, feature, text) [code] = {do_##name, feature, slot},
	TERN_FW_REQUESTS(X)
#undef X
};

/* How many of arg[] each has. */
static const uint8_t nargs[] = {
	[TERN_FW_PING] = 1,	 [TERN_FW_SLOT_STOP] = 1, [TERN_FW_SUSPEND] = 1,
	[TERN_FW_SET_PARAM] = 2, [TERN_FW_RESUME] = 0,	  [TERN_FW_SLOT_START] = 0,
};

static bool is_sound(const struct tern_fw_message *m)
{
	if (m->status || m->reply_to)
		return false;
	if (m->slot >= (requests[m->type].names_slot ? TERN_NSLOTS : 1))
		return false;
	for (unsigned int i = nargs[m->type]; i < 6; i++) {
		if (m->arg[i])
			return false;
	}
	return true;
}

static bool names_slot(const struct tern_fw_message *m)
{
	return m->type < sizeof(requests) / sizeof(requests[0]) && requests[m->type].names_slot &&
	       m->slot < TERN_NSLOTS;
}

static void begin(struct firmware *fw, const struct tern_fw_message *m)
{
	struct answer a = {.status = TERN_FW_STATUS_UNKNOWN};

	slots_settle(fw);
	trace(fw, TERN_FW_TRACE_REQUEST, names_slot(m) ? m->slot : NO_SLOT, m->type);
	if (m->type < sizeof(requests) / sizeof(requests[0]) && requests[m->type].run &&
	    !(requests[m->type].feature & ~fw->features)) {
		a.status = TERN_FW_STATUS_INVALID;
		if (is_sound(m))
			a = requests[m->type].run(fw, m);
	}
	if (a.status != WAITING) {
		answer(fw, m->seq, &a);
		return;
	}
	fw->request = (struct request){m->type, m->seq, m->slot, (uint32_t)m->arg[0]};
}

/* ---- Those that wait ----------------------------------------------------------------------- */

int request_wants_preempt(const struct firmware *fw, unsigned int slot)
{
	const struct request *r = &fw->request;

	if (r->type == TERN_FW_SLOT_STOP && r->slot == slot)
		return TERN_FW_PREEMPT_STOP;
	if (r->type == TERN_FW_SUSPEND && r->how & TERN_FW_SUSPEND_FORCE)
		return TERN_FW_PREEMPT_SUSPEND;
	return SCHED_STAY;
}

bool request_wants_abort(const struct firmware *fw, unsigned int slot)
{
	const struct request *r = &fw->request;

	return r->type == TERN_FW_SLOT_STOP && r->slot == slot && r->how == TERN_FW_STOP_ABORT;
}

static struct answer finish_stop(struct firmware *fw)
{
	unsigned int slot = fw->request.slot;
	struct answer a = {.status = TERN_FW_STATUS_OK};

	if (slots_engaged(fw, slot)) {
		if (!fw->engine.stuck)
			return (struct answer){.status = WAITING};
		a.status = TERN_FW_STATUS_STUCK;
	}
	a.arg[0] = engine_state(fw, slot);
	return a;
}

static struct answer finish_suspend(struct firmware *fw)
{
	bool force = fw->request.how & TERN_FW_SUSPEND_FORCE;

	if (slots_work(fw) && !force)
		return (struct answer){.status = TERN_FW_STATUS_BUSY};
	if (fw->engine.stuck)
		return (struct answer){.status = TERN_FW_STATUS_STUCK};
	if (fw->engine.command || fw->engine.running != NO_SLOT)
		return (struct answer){.status = WAITING};
	if (!force && (fw->slots.query || fw->slots.rung))
		return (struct answer){.status = WAITING};
	power_suspend(fw);
	return (struct answer){.status = TERN_FW_STATUS_OK};
}

/* False: it still waits. */
static bool finish(struct firmware *fw)
{
	struct request *r = &fw->request;
	bool halt = r->type == TERN_FW_SUSPEND && r->how & TERN_FW_SUSPEND_HALT;
	struct answer a = r->type == TERN_FW_SUSPEND ? finish_suspend(fw) : finish_stop(fw);

	if (a.status == WAITING)
		return false;
	answer(fw, r->seq, &a);
	*r = (struct request){0};
	fw->power.halt = halt && a.status == TERN_FW_STATUS_OK;
	return true;
}

/* Takes the next one. False: there is none, or no room for its reply. */
static bool next(struct firmware *fw)
{
	static const struct answer invalid = {.status = TERN_FW_STATUS_INVALID};
	struct tern_fw_message m;

	if (fw->ipc.reply_held)
		return false;
	if (fw->power.halt)
		power_halt();
	switch (ipc_take(fw, &m)) {
	case IPC_MESSAGE:
		begin(fw, &m);
		return true;
	case IPC_BAD_SEQ:
		answer(fw, m.seq, &invalid);
		return true;
	default:
		return false;
	}
}

bool request_pass(struct firmware *fw)
{
	for (unsigned int i = 0; i < MAX_REQUESTS; i++) {
		if (!(fw->request.type ? finish(fw) : next(fw)))
			return i > 0;
	}
	fw->again = true;
	return true;
}
