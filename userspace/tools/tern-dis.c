// SPDX-License-Identifier: MIT
/* tern-dis: print the commands of a saved program or of an image. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tern.h>

#define MAX_FILE (1ull << 30) /* no program is anywhere near a gibibyte */

enum { EXIT_BAD_IMAGE = 1, EXIT_USAGE = 2, EXIT_FILE = 3 };

static const char usage[] = "usage: tern-dis [--json] FILE\n"
			    "Print the commands of a saved Tern program, or of a raw image. Exit\n"
			    "status: 0 printed, 1 FILE is no program or breaks a rule of the\n"
			    "command set, 2 usage, 3 FILE cannot be read.\n";

struct file {
	char *data;
	size_t bytes;
};

static int grow_and_read(FILE *f, struct file *out)
{
	size_t cap = 0, got;

	do {
		char *data;

		cap = cap ? cap * 2 : 65536;
		if (cap > MAX_FILE)
			return -EFBIG;
		data = realloc(out->data, cap);
		if (!data)
			return -ENOMEM;
		out->data = data;
		got = fread(data + out->bytes, 1, cap - out->bytes, f);
		out->bytes += got;
	} while (out->bytes == cap);
	return ferror(f) ? -EIO : 0;
}

static int read_file(const char *path, struct file *out)
{
	FILE *f = fopen(path, "rb");
	int err;

	if (!f)
		return -errno;
	errno = 0;
	err = grow_and_read(f, out);
	if (err == -EIO && errno)
		err = -errno;
	fclose(f);
	return err;
}

/* A listing ends where a rule is broken; what came before it is still worth seeing. */
static int disassemble(const char *path, bool json)
{
	struct file f = {0};
	int err = read_file(path, &f);

	if (err) {
		fprintf(stderr, "tern-dis: cannot read %s: %s\n", path, strerror(-err));
		err = EXIT_FILE;
	} else if (tern_disassemble(stdout, f.data, f.bytes, json)) {
		fprintf(stderr, "tern-dis: %s: %s\n", path, tern_last_error());
		err = EXIT_BAD_IMAGE;
	}
	free(f.data);
	return err;
}

int main(int argc, char **argv)
{
	const char *path = NULL;
	bool json = false;
	int status;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			json = true;
		} else if (!strcmp(argv[i], "--help")) {
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		} else if (argv[i][0] == '-' || path) {
			fputs(usage, stderr);
			return EXIT_USAGE;
		} else {
			path = argv[i];
		}
	}
	if (!path) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	status = disassemble(path, json);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "tern-dis: cannot write the output: %s\n", strerror(errno));
		return EXIT_FILE;
	}
	return status;
}
