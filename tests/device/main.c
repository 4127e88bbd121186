// SPDX-License-Identifier: GPL-2.0
/* tern-device: the model of the NPU as PCI hardware behind a socket. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"
#include "model.h"
#include "socket.h"
#include "stats.h"
#include "vfio.h"
#include "vhost.h"

static const char usage[] =
	"usage: tern-device --vfio-user|--vhost-user SOCKET [OPTION...]\n"
	"Presents the model of the NPU as a PCI device. Ends when its guest does.\n"
	"\n"
	"  --vfio-user SOCKET  serve QEMU's vfio-user-pci\n"
	"  --vhost-user SOCKET serve User Mode Linux's virtio_uml\n"
	"  --in-band           with --vhost-user: that of Linux 6.12\n"
	"  --device NAME       configuration, as for sim: (ref)\n"
	"  --control SOCKET    where tests inject faults: lines of text\n"
	"  --log FILE          every page touched, per address space\n"
	"  --threads N         host threads of the engines (1)\n"
	"  --stats             print what was done, at the end\n";

struct options {
	const char *socket, *device, *control, *log;
	unsigned int threads;
	int (*serve)(struct model *m, int fd);
	bool stats, in_band;
};

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "tern-device: %s: %s\n", what, why);
	exit(1);
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{"vfio-user", 1, NULL, 'q'}, {"vhost-user", 1, NULL, 'u'},
		{"device", 1, NULL, 'd'},    {"control", 1, NULL, 'c'},
		{"log", 1, NULL, 'l'},	     {"threads", 1, NULL, 't'},
		{"stats", 0, NULL, 's'},     {"in-band", 0, NULL, 'i'},
		{"help", 0, NULL, 'h'},	     {NULL, 0, NULL, 0},
	};
	const char **text[] = {
		['q'] = &o->socket,  ['u'] = &o->socket, ['d'] = &o->device,
		['c'] = &o->control, ['l'] = &o->log,
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0 && c != 'h' && c != '?') {
		if (c == 't')
			o->threads = (unsigned int)strtoul(optarg, NULL, 10);
		else if (c == 's')
			o->stats = true;
		else if (c == 'i')
			o->in_band = true;
		else
			*text[c] = optarg;
		if (c == 'q' || c == 'u')
			o->serve = c == 'q' ? vfio_serve : vhost_serve;
	}
	if (o->in_band)
		o->serve = o->serve == vhost_serve ? vhost_serve_in_band : NULL;
	if (c >= 0 || !o->serve || optind != argc) {
		fputs(usage, c == 'h' ? stdout : stderr);
		exit(c == 'h' ? 0 : 2);
	}
}

static struct model *create(const struct options *o)
{
	struct tern_sim_options opt = {.threads = o->threads};
	struct tern_caps caps;
	struct model *m;
	char no_ops[256], err[256];

	if (tern_sim_parse(o->device, &caps, &opt, no_ops, sizeof(no_ops), err, sizeof(err)))
		fail(o->device, err);
	if (opt.check)
		fail(o->device, "checking mode is for the model in process");
	if (model_create(&caps, &opt, &m, err, sizeof(err)))
		fail(o->device, err);
	if (o->log) {
		m->log = fopen(o->log, "w");
		if (!m->log)
			fail(o->log, strerror(errno));
	}
	return m;
}

int main(int argc, char **argv)
{
	struct options o = {.device = "ref", .threads = 1};
	struct model *m;
	int listener, fd, rc;

	parse(&o, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	m = create(&o);
	rc = o.control ? control_start(m, o.control) : 0;
	if (rc)
		fail(o.control, strerror(-rc));
	listener = socket_listen(o.socket);
	if (listener < 0)
		fail(o.socket, strerror(-listener));
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		fail(o.socket, strerror(errno));
	rc = o.serve(m, fd);
	if (rc)
		fprintf(stderr, "tern-device: %s: %s\n", o.socket, strerror(-rc));
	if (o.stats)
		stats_print(m, stdout);
	unlink(o.socket);
	if (m->log)
		fclose(m->log);
	/* The control socket's thread may be using the model: leave without taking it apart. It also
	 * holds its stream while it waits for a line, so not all streams can be flushed. */
	fflush(stdout);
	_exit(rc ? 1 : 0);
}
