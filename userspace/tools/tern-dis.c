// SPDX-License-Identifier: MIT
/* tern-dis: print the commands of a program image. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/codec.h"

#define IMAGE_ALIGN 64
#define MAX_FILE    (1ull << 30) /* no program is anywhere near a gibibyte */

enum { EXIT_BAD_IMAGE = 1, EXIT_USAGE = 2, EXIT_FILE = 3 };

static const char usage[] =
	"usage: tern-dis [--json] FILE\n"
	"Print the commands of a Tern program image, or of the image inside a\n"
	"saved program. Exit status: 0 printed, 1 the image breaks a rule (named\n"
	"at the end of the output), 2 usage, 3 FILE cannot be read.\n";

struct file {
	uint64_t *words;
	size_t bytes;
};

static int grow_and_read(FILE *f, struct file *out)
{
	size_t cap = 0, got;

	do {
		uint64_t *w;

		cap = cap ? cap * 2 : 65536;
		w = cap <= MAX_FILE ? realloc(out->words, cap) : NULL;
		if (!w)
			return cap <= MAX_FILE ? -ENOMEM : -EFBIG;
		out->words = w;
		got = fread((char *)w + out->bytes, 1, cap - out->bytes, f);
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

static uint32_t magic_at(const struct file *f, size_t offset)
{
	uint32_t magic = 0;

	if (f->bytes - offset >= sizeof(magic))
		memcpy(&magic, (const char *)f->words + offset, sizeof(magic));
	return magic;
}

/* An image at the start of the file is taken as it is, so that a broken one is explained;
 * inside another file only one that passes the check can be told from chance. */
static bool find_image(const struct file *f, size_t *offset)
{
	*offset = 0;
	if (magic_at(f, 0) == TERN_IMAGE_MAGIC)
		return true;
	for (size_t at = IMAGE_ALIGN; at < f->bytes; at += IMAGE_ALIGN) {
		if (magic_at(f, at) != TERN_IMAGE_MAGIC)
			continue;
		if (tern_image_check(f->words + at / 8, (f->bytes - at) / 8, NULL))
			continue;
		*offset = at;
		return true;
	}
	return false;
}

static int disassemble(const char *path, bool json)
{
	struct file f = {0};
	size_t offset;
	int err = read_file(path, &f);

	if (err) {
		fprintf(stderr, "tern-dis: cannot read %s: %s\n", path, strerror(-err));
		err = EXIT_FILE;
	} else if (!find_image(&f, &offset)) {
		fprintf(stderr, "tern-dis: %s holds no Tern program image\n", path);
		err = EXIT_BAD_IMAGE;
	} else if (tern_disasm(stdout, f.words + offset / 8, (f.bytes - offset) / 8, json)) {
		fprintf(stderr,
			"tern-dis: %s breaks a rule of the command set: see the last line\n", path);
		err = EXIT_BAD_IMAGE;
	}
	free(f.words);
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
