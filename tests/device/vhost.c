// SPDX-License-Identifier: GPL-2.0
/*
 * The vhost-user door. One thread serves the socket, on which the guest sets up its queues,
 * and the queue of accesses, in the order in which they come. Interrupts go into the other
 * queue from whichever thread raises them.
 */
#include "vhost.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "message.h"
#include "model.h"
#include "pcidev.h"
#include "vhost_user.h"

#define FEATURES (1ull << VIRTIO_F_VERSION_1 | 1ull << VHOST_USER_F_PROTOCOL)
#define IN_BAND	 (1ull << VHOST_USER_PROTOCOL_F_BACKEND_REQ | 1ull << VHOST_USER_PROTOCOL_F_IN_BAND)

struct vhost {
	struct pcidev dev;
	int fd;
	uint64_t user[VHOST_USER_MAX_REGIONS], guest[VHOST_USER_MAX_REGIONS];
	uint64_t size[VHOST_USER_MAX_REGIONS];
	unsigned int nregions;
	bool in_band;
	int ask; /* where the guest is called */

	/* The message in hand. */
	struct vhost_user_header head;
	union vhost_user_payload payload;
	struct message_fds fds;
	bool answered;
};

/* ---- replies ------------------------------------------------------------------------------------- */
static int answer(struct vhost *v, const void *data, uint32_t len)
{
	struct {
		struct vhost_user_header head;
		unsigned char data[16];
	} __attribute__((packed)) r = {.head = {.request = v->head.request,
						.flags = VHOST_USER_VERSION | VHOST_USER_REPLY,
						.size = len}};

	memcpy(r.data, data, len);
	v->answered = true;
	return message_send(v->fd, &r, sizeof(r.head) + len);
}

static int answer_number(struct vhost *v, uint64_t n)
{
	return answer(v, &n, sizeof(n));
}

/* ---- requests: 0, or -errno, which the client is told ------------------------------------------------ */
static int get_features(struct vhost *v)
{
	return answer_number(v, FEATURES);
}

static int get_protocol_features(struct vhost *v)
{
	return answer_number(v,
			     1ull << VHOST_USER_PROTOCOL_F_REPLY_ACK | (v->in_band ? IN_BAND : 0));
}

static int nothing(struct vhost *v)
{
	(void)v;
	return 0;
}

static int set_mem_table(struct vhost *v)
{
	const struct vhost_user_memory *t = &v->payload.memory;
	int err = 0;

	if (t->n > VHOST_USER_MAX_REGIONS || t->n > v->fds.n)
		return -EINVAL;
	model_unmap(v->dev.m, 0, 0);
	v->nregions = 0;
	for (uint32_t i = 0; !err && i < t->n; i++) {
		const struct vhost_user_region *r = &t->region[i];

		err = memory_map(&v->dev.m->memory, r->guest, r->size, v->fds.fd[i], r->offset,
				 true);
		v->user[i] = r->user;
		v->guest[i] = r->guest;
		v->size[i] = r->size;
		v->nregions = i + 1;
	}
	return err;
}

static struct virtqueue *queue(struct vhost *v, uint32_t index)
{
	return index < PCIDEV_QUEUES ? &v->dev.queue[index] : NULL;
}

static int set_num(struct vhost *v)
{
	struct virtqueue *q = queue(v, v->payload.state.index);
	uint32_t n = v->payload.state.num;

	if (!q || !n || n > VIRTQUEUE_MAX || n & (n - 1))
		return -EINVAL;
	q->num = n;
	return 0;
}

static void *user_at(struct vhost *v, uint64_t user, uint64_t bytes)
{
	for (unsigned int i = 0; i < v->nregions; i++) {
		uint64_t len = bytes;
		void *host;

		if (user - v->user[i] >= v->size[i])
			continue;
		host = memory_at(&v->dev.m->memory, v->guest[i] + (user - v->user[i]), &len, true);
		return len == bytes ? host : NULL;
	}
	return NULL;
}

static int set_addr(struct vhost *v)
{
	const struct vhost_user_addr *a = &v->payload.addr;
	struct virtqueue *q = queue(v, a->index);

	if (!q || !q->num)
		return -EINVAL;
	q->desc = user_at(v, a->desc, q->num * sizeof(*q->desc));
	q->avail = user_at(v, a->avail, sizeof(*q->avail) + q->num * sizeof(q->avail->ring[0]));
	q->used = user_at(v, a->used, sizeof(*q->used) + q->num * sizeof(q->used->ring[0]));
	return q->desc && q->avail && q->used ? 0 : -EFAULT;
}

static int set_base(struct vhost *v)
{
	struct virtqueue *q = queue(v, v->payload.state.index);

	if (!q)
		return -EINVAL;
	q->next = (uint16_t)v->payload.state.num;
	return 0;
}

static int get_base(struct vhost *v)
{
	struct vhost_user_state s = {.index = v->payload.state.index};
	struct virtqueue *q = queue(v, s.index);

	if (!q)
		return -EINVAL;
	pthread_mutex_lock(&v->dev.lock);
	q->enabled = false;
	pthread_mutex_unlock(&v->dev.lock);
	s.num = q->next;
	return answer(v, &s, sizeof(s));
}

static int set_file(struct vhost *v, bool call)
{
	struct virtqueue *q = queue(v, v->payload.number & 0xff);
	int *fd, new = -1;

	if (!q)
		return -EINVAL;
	if (!(v->payload.number & VHOST_USER_NO_FD) && v->fds.n) {
		new = v->fds.fd[0];
		v->fds.fd[0] = -1; /* kept */
	}
	pthread_mutex_lock(&v->dev.lock);
	fd = call ? &q->call : &q->kick;
	if (*fd >= 0)
		close(*fd);
	*fd = new;
	pthread_mutex_unlock(&v->dev.lock);
	return 0;
}

static int set_kick(struct vhost *v)
{
	return set_file(v, false);
}

static int set_call(struct vhost *v)
{
	return set_file(v, true);
}

static void call_by(struct virtqueue *q, int file, const void *said, uint32_t len)
{
	q->call = file;
	q->nsaid = len;
	memcpy(q->said, said, len);
}

static int set_ask(struct vhost *v)
{
	struct {
		struct vhost_user_header head;
		struct vhost_user_state state;
	} call = {.head = {VHOST_USER_BACKEND_VRING_CALL, VHOST_USER_VERSION, sizeof(call.state)}};

	if (!v->in_band || !v->fds.n || v->ask >= 0)
		return -EINVAL;
	v->ask = v->fds.fd[0];
	v->fds.fd[0] = -1; /* kept */
	for (; call.state.index < PCIDEV_QUEUES; call.state.index++)
		call_by(&v->dev.queue[call.state.index], v->ask, &call, sizeof(call));
	return 0;
}

static int kick(struct vhost *v)
{
	if (v->payload.state.index == PCIDEV_COMMANDS)
		pcidev_commands(&v->dev);
	else
		pcidev_interrupts(&v->dev);
	return 0;
}

static int set_enable(struct vhost *v)
{
	struct virtqueue *q = queue(v, v->payload.state.index);

	if (!q)
		return -EINVAL;
	pthread_mutex_lock(&v->dev.lock);
	q->enabled = v->payload.state.num;
	pthread_mutex_unlock(&v->dev.lock);
	return 0;
}

static const struct {
	int (*serve)(struct vhost *v);
	uint32_t bytes; /* at least */
} requests[VHOST_USER_REQUESTS] = {
	[VHOST_USER_GET_FEATURES] = {get_features, 0},
	[VHOST_USER_SET_FEATURES] = {nothing, 8},
	[VHOST_USER_SET_OWNER] = {nothing, 0},
	[VHOST_USER_SET_MEM_TABLE] = {set_mem_table, 8},
	[VHOST_USER_SET_VRING_NUM] = {set_num, 8},
	[VHOST_USER_SET_VRING_ADDR] = {set_addr, 40},
	[VHOST_USER_SET_VRING_BASE] = {set_base, 8},
	[VHOST_USER_GET_VRING_BASE] = {get_base, 8},
	[VHOST_USER_SET_VRING_KICK] = {set_kick, 8},
	[VHOST_USER_SET_VRING_CALL] = {set_call, 8},
	[VHOST_USER_SET_VRING_ERR] = {nothing, 8},
	[VHOST_USER_GET_PROTOCOL_FEATURES] = {get_protocol_features, 0},
	[VHOST_USER_SET_PROTOCOL_FEATURES] = {nothing, 8},
	[VHOST_USER_SET_VRING_ENABLE] = {set_enable, 8},
	[VHOST_USER_SET_BACKEND_REQ_FD] = {set_ask, 0},
	[VHOST_USER_VRING_KICK] = {kick, 8},
};

static int execute(struct vhost *v)
{
	uint32_t r = v->head.request;

	if (r >= VHOST_USER_REQUESTS || !requests[r].serve)
		return -EOPNOTSUPP;
	return v->head.size < requests[r].bytes ? -EINVAL : requests[r].serve(v);
}

/* ---- the loop ------------------------------------------------------------------------------------------ */
/* 1: served, 0: the client is gone, -errno */
static int serve_one(struct vhost *v)
{
	int rc = message_receive(v->fd, &v->head, sizeof(v->head), &v->fds);
	int err;

	if (rc <= 0)
		return rc;
	if (v->head.size > sizeof(v->payload))
		return -EPROTO;
	memset(&v->payload, 0, sizeof(v->payload));
	rc = v->head.size ? message_receive(v->fd, &v->payload, v->head.size, &v->fds) : 1;
	if (rc <= 0)
		return rc;
	v->answered = false;
	err = execute(v);
	message_close(&v->fds);
	if (err)
		fprintf(stderr, "tern-device: vhost-user request %u: %s\n", v->head.request,
			strerror(-err));
	if (v->head.flags & VHOST_USER_NEED_REPLY && !v->answered)
		answer_number(v, err != 0);
	return 1;
}

/* What a queue was kicked for. The kick is taken before looking. */
static void kicked(struct vhost *v, unsigned int index)
{
	uint64_t n;

	if (read(v->dev.queue[index].kick, &n, sizeof(n)) != sizeof(n))
		return;
	if (index == PCIDEV_COMMANDS)
		pcidev_commands(&v->dev);
	else
		pcidev_interrupts(&v->dev);
}

static int serve(struct vhost *v)
{
	for (;;) {
		struct pollfd p[1 + PCIDEV_QUEUES] = {{v->fd, POLLIN, 0}};
		int rc = 1;

		for (unsigned int i = 0; i < PCIDEV_QUEUES; i++)
			p[1 + i] = (struct pollfd){v->dev.queue[i].kick, POLLIN, 0};
		if (poll(p, 1 + PCIDEV_QUEUES, -1) < 0 && errno != EINTR)
			return -errno;
		for (unsigned int i = 0; i < PCIDEV_QUEUES; i++) {
			if (p[1 + i].revents & POLLIN)
				kicked(v, i);
		}
		if (p[0].revents)
			rc = serve_one(v);
		if (rc <= 0)
			return rc;
	}
}

static int serve_as(struct model *m, int fd, bool in_band)
{
	struct vhost v = {.fd = fd, .ask = -1, .in_band = in_band, .dev.m = m};
	const uint64_t one = 1;
	int rc;

	pthread_mutex_init(&v.dev.lock, NULL);
	v.dev.forgetful = in_band;
	for (unsigned int i = 0; i < PCIDEV_QUEUES; i++) {
		v.dev.queue[i] = (struct virtqueue){.memory = &m->memory, .kick = -1};
		call_by(&v.dev.queue[i], -1, &one, sizeof(one));
	}
	m->irq.table = true;
	m->door = (struct door){pcidev_raise, NULL, &v.dev};
	rc = serve(&v);
	irq_close_door(m);
	return rc;
}

int vhost_serve(struct model *m, int fd)
{
	return serve_as(m, fd, false);
}

int vhost_serve_in_band(struct model *m, int fd)
{
	return serve_as(m, fd, true);
}
