// SPDX-License-Identifier: GPL-2.0
/* The device's process and the vfio-user protocol, client side. */
#include "host.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "device/vfio_user.h"

_Noreturn void host_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

/* ---- messages -------------------------------------------------------------------------------- */
static void must(bool ok, const char *what)
{
	HOST_ASSERT(ok, "%s: %s", what, strerror(errno));
}

static void send_all(struct host *h, const void *data, size_t len, const int *fds, size_t nfds)
{
	char control[CMSG_SPACE(8 * sizeof(int))] = {0};
	struct iovec io = {(void *)data, len};
	struct msghdr msg = {.msg_iov = &io, .msg_iovlen = 1};

	if (nfds) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	must(sendmsg(h->fd, &msg, MSG_NOSIGNAL) == (ssize_t)len, "sendmsg");
}

static void receive(struct host *h, void *data, size_t len)
{
	must(recv(h->fd, data, len, MSG_WAITALL) == (ssize_t)len, "the device has gone");
}

/* A command with its reply; the errno of an error reply. */
static int transact(struct host *h, unsigned int command, const void *out, size_t out_len,
		    const int *fds, size_t nfds, void *in, size_t in_len)
{
	unsigned char msg[4096];
	struct vfio_user_header head = {.id = ++h->id,
					.command = (uint16_t)command,
					.size = (uint32_t)(sizeof(head) + out_len)};

	REQUIRE(head.size <= sizeof(msg));
	memcpy(msg, &head, sizeof(head));
	memcpy(msg + sizeof(head), out, out_len);
	send_all(h, msg, head.size, fds, nfds);
	receive(h, &head, sizeof(head));
	REQUIRE(head.id == h->id);
	REQUIRE((head.flags & 0xf) == VFIO_USER_REPLY);
	if (head.flags & VFIO_USER_ERROR)
		return (int)head.error;
	REQUIRE(head.size == sizeof(head) + in_len);
	if (in_len)
		receive(h, in, in_len);
	return 0;
}

void host_read(struct host *h, unsigned int region, uint64_t offset, void *data, uint32_t len)
{
	struct vfio_user_region_access a = {offset, region, len};
	unsigned char reply[sizeof(a) + 4096];

	REQUIRE(transact(h, VFIO_USER_REGION_READ, &a, sizeof(a), NULL, 0, reply,
			 sizeof(a) + len) == 0);
	memcpy(data, reply + sizeof(a), len);
}

/* Posted, as a processor's stores are. */
void host_write(struct host *h, unsigned int region, uint64_t offset, const void *data,
		uint32_t len)
{
	struct {
		struct vfio_user_header head;
		struct vfio_user_region_access a;
		unsigned char data[2048];
	} msg = {{.id = ++h->id,
		  .command = VFIO_USER_REGION_WRITE,
		  .size = (uint32_t)(sizeof(msg.head) + sizeof(msg.a) + len),
		  .flags = VFIO_USER_NO_REPLY},
		 {offset, region, len},
		 {0}};

	REQUIRE(len <= sizeof(msg.data));
	memcpy(msg.data, data, len);
	send_all(h, &msg, msg.head.size, NULL, 0);
}

/* ---- registers ----------------------------------------------------------------------------------- */
uint32_t reg_get(struct host *h, uint32_t reg)
{
	uint32_t v;

	host_read(h, TERN_BAR_REGS, reg, &v, sizeof(v));
	return v;
}

uint64_t reg_get64(struct host *h, uint32_t reg)
{
	uint64_t low = reg_get(h, reg);

	return low | (uint64_t)reg_get(h, reg + 4) << 32;
}

void reg_set(struct host *h, uint32_t reg, uint32_t v)
{
	host_write(h, TERN_BAR_REGS, reg, &v, sizeof(v));
}

void reg_set64(struct host *h, uint32_t reg, uint64_t v)
{
	reg_set(h, reg, (uint32_t)v);
	reg_set(h, reg + 4, (uint32_t)(v >> 32));
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool reg_becomes(struct host *h, uint32_t reg, uint32_t mask, uint32_t value)
{
	uint64_t end = now_ms() + HOST_WAIT;

	while ((reg_get(h, reg) & mask) != value) {
		if (now_ms() > end)
			return false;
		usleep(200);
	}
	return true;
}

uint32_t config_get(struct host *h, uint32_t offset, uint32_t len)
{
	uint32_t v = 0;

	host_read(h, VFIO_PCI_CONFIG_REGION_INDEX, offset, &v, len);
	return v;
}

void config_set(struct host *h, uint32_t offset, uint32_t len, uint32_t v)
{
	host_write(h, VFIO_PCI_CONFIG_REGION_INDEX, offset, &v, len);
}

uint32_t config_capability(struct host *h, uint8_t id)
{
	uint32_t at = config_get(h, PCI_CAPABILITY_LIST, 1);

	for (int n = 0; at && n < 48; n++) {
		if (config_get(h, at + PCI_CAP_LIST_ID, 1) == id)
			return at;
		at = config_get(h, at + PCI_CAP_LIST_NEXT, 1);
	}
	host_die("no capability %u in its list", id);
}

void host_bell(struct host *h, unsigned int slot)
{
	uint32_t any = 1;

	host_write(h, TERN_BAR_DOORBELL, (uint64_t)slot * h->caps.doorbell_stride, &any,
		   sizeof(any));
}

/* ---- memory and interrupts --------------------------------------------------------------------------- */
int host_map(struct host *h, uint64_t bus, uint64_t size, uint64_t offset, unsigned int flags,
	     bool with_file)
{
	struct vfio_user_dma_map a = {sizeof(a), flags, offset, bus, size};

	return transact(h, VFIO_USER_DMA_MAP, &a, sizeof(a), &h->memfd, with_file, NULL, 0);
}

int host_unmap(struct host *h, uint64_t bus, uint64_t size)
{
	struct vfio_user_dma_unmap a = {sizeof(a), 0, bus, size}, back;

	return transact(h, VFIO_USER_DMA_UNMAP, &a, sizeof(a), NULL, 0, &back, sizeof(back));
}

static void make_vectors(struct host *h)
{
	struct vfio_irq_set a = {.argsz = sizeof(a) + TERN_MAX_VECTORS * sizeof(int),
				 .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
				 .index = VFIO_PCI_MSIX_IRQ_INDEX,
				 .count = TERN_MAX_VECTORS};

	for (int i = 0; i < TERN_MAX_VECTORS; i++) {
		h->vector[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		must(h->vector[i] >= 0, "eventfd");
	}
	REQUIRE(transact(h, VFIO_USER_SET_IRQS, &a, sizeof(a), h->vector, TERN_MAX_VECTORS, NULL,
			 0) == 0);
}

uint64_t host_interrupts(struct host *h, unsigned int vector, int ms)
{
	struct pollfd p = {h->vector[vector], POLLIN, 0};
	uint64_t n = 0;

	if (poll(&p, 1, ms) == 1 && read(h->vector[vector], &n, sizeof(n)) != sizeof(n))
		n = 0;
	return n;
}

uint64_t host_alloc(struct host *h, uint64_t bytes, uint64_t align)
{
	uint64_t at = (h->used + align - 1) / align * align;

	REQUIRE(at + bytes <= h->bytes);
	h->used = at + bytes;
	return HOST_BUS + at;
}

void *host_at(struct host *h, uint64_t bus)
{
	return h->mem + (bus - HOST_BUS);
}

/* ---- life ------------------------------------------------------------------------------------------------ */
/* build/bin/tern-device beside build/tests/<this> */
static void find_program(char *path, size_t len)
{
	char self[256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *end;

	must(n > 0, "readlink");
	self[n] = '\0';
	end = strrchr(self, '/');
	*end = '\0';
	snprintf(path, len, "%s/../bin/tern-device", self);
}

static void start(struct host *h, const struct host_options *o)
{
	char program[300];

	find_program(program, sizeof(program));
	h->pid = fork();
	must(h->pid >= 0, "fork");
	if (h->pid)
		return;
	execl(program, "tern-device", "--vfio-user", h->device, "--control", h->control, "--device",
	      o->device ? o->device : "small", o->log ? "--log" : (char *)NULL, o->log,
	      (char *)NULL);
	perror(program);
	_exit(127);
}

static int reach(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	for (int tries = 0; connect(fd, (struct sockaddr *)&at, sizeof(at)); tries++) {
		HOST_ASSERT(tries < HOST_WAIT / 10, "%s: nobody answers", path);
		usleep(10000);
	}
	return fd;
}

static void greet(struct host *h)
{
	static const char ours[] = "\0\0\1\0{\"capabilities\":{\"max_msg_fds\":8}}";
	struct vfio_user_header head = {
		.id = ++h->id, .command = VFIO_USER_VERSION, .size = sizeof(head) + sizeof(ours)};
	char reply[512] = "";

	send_all(h, &head, sizeof(head), NULL, 0);
	send_all(h, ours, sizeof(ours), NULL, 0);
	receive(h, &head, sizeof(head));
	REQUIRE(head.flags == VFIO_USER_REPLY);
	REQUIRE(head.size < sizeof(reply));
	receive(h, reply, head.size - sizeof(head));
	REQUIRE(strstr(reply + 4, "capabilities"));
}

static void read_caps(struct host *h)
{
	uint32_t *word = (uint32_t *)(void *)&h->caps;

	for (uint32_t i = 0; i < sizeof(h->caps) / 4; i++)
		word[i] = reg_get(h, TERN_REG_CAPS + 4 * i);
}

void host_open(struct host *h, const struct host_options *o)
{
	int fd;

	memset(h, 0, sizeof(*h));
	h->bytes = o->bytes ? o->bytes : 64u << 20;
	snprintf(h->dir, sizeof(h->dir), "/tmp/tern-device-XXXXXX");
	must(mkdtemp(h->dir) != NULL, "mkdtemp");
	snprintf(h->device, sizeof(h->device), "%s/vfio", h->dir);
	snprintf(h->control, sizeof(h->control), "%s/control", h->dir);
	h->memfd = memfd_create("guest", MFD_CLOEXEC);
	must(h->memfd >= 0 && !ftruncate(h->memfd, (off_t)h->bytes), "memfd");
	h->mem = mmap(NULL, h->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, h->memfd, 0);
	must(h->mem != MAP_FAILED, "mmap");
	start(h, o);
	h->fd = reach(h->device);
	fd = reach(h->control);
	h->control_in = fdopen(fd, "r");
	h->control_out = fdopen(dup(fd), "w");
	greet(h);
	REQUIRE(host_map(h, HOST_BUS, h->bytes, 0, 3, true) == 0);
	make_vectors(h);
	config_set(h, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	read_caps(h);
}

int host_close(struct host *h)
{
	int status = 0;

	fclose(h->control_in);
	fclose(h->control_out);
	close(h->fd);
	must(waitpid(h->pid, &status, 0) == h->pid, "waitpid");
	for (int i = 0; i < TERN_MAX_VECTORS; i++)
		close(h->vector[i]);
	munmap(h->mem, h->bytes);
	close(h->memfd);
	unlink(h->control);
	unlink(h->device);
	rmdir(h->dir);
	free(h->kernel);
	return status;
}
