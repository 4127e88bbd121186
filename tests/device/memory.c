// SPDX-License-Identifier: GPL-2.0
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

void memory_init(struct memory *mem)
{
	memset(mem, 0, sizeof(*mem));
	pthread_rwlock_init(&mem->lock, NULL);
}

void memory_destroy(struct memory *mem)
{
	for (size_t i = 0; i < mem->nfiles; i++)
		munmap(mem->file[i].host, mem->file[i].bytes);
	free(mem->file);
	free(mem->range);
	pthread_rwlock_destroy(&mem->lock);
}

/* ---- files ----------------------------------------------------------------------------- */
static struct memory_file *known(struct memory *mem, const struct stat *st)
{
	for (size_t i = 0; i < mem->nfiles; i++) {
		struct memory_file *f = &mem->file[i];

		if (f->dev == st->st_dev && f->ino == st->st_ino &&
		    f->bytes == (uint64_t)st->st_size)
			return f;
	}
	return NULL;
}

static int open_file(struct memory *mem, int fd, struct memory_file **out)
{
	struct memory_file *f, *files;
	struct stat st;
	void *host;
	int flags;

	if (fstat(fd, &st))
		return -errno;
	f = known(mem, &st);
	if (!f) {
		flags = fcntl(fd, F_GETFL);
		host = mmap(NULL, (size_t)st.st_size,
			    (flags & O_ACCMODE) == O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ,
			    MAP_SHARED, fd, 0);
		if (host == MAP_FAILED)
			return -errno;
		files = realloc(mem->file, (mem->nfiles + 1) * sizeof(*files));
		if (!files) {
			munmap(host, (size_t)st.st_size);
			return -ENOMEM;
		}
		mem->file = files;
		f = &files[mem->nfiles++];
		*f = (struct memory_file){st.st_dev, st.st_ino, host, (uint64_t)st.st_size,
					  (flags & O_ACCMODE) == O_RDWR};
	}
	*out = f;
	return 0;
}

/* ---- ranges ------------------------------------------------------------------------------ */
/* The first range that does not end before `at`. */
static size_t find(const struct memory *mem, uint64_t at)
{
	size_t lo = 0, hi = mem->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (mem->range[mid].last < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int insert(struct memory *mem, size_t i, const struct memory_range *r)
{
	if (mem->n == mem->cap) {
		size_t cap = mem->cap ? 2 * mem->cap : 64;
		struct memory_range *more = realloc(mem->range, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		mem->range = more;
		mem->cap = cap;
	}
	memmove(mem->range + i + 1, mem->range + i, (mem->n - i) * sizeof(*r));
	mem->range[i] = *r;
	mem->n++;
	return 0;
}

static int map(struct memory *mem, struct memory_range *r, int fd, uint64_t offset)
{
	uint64_t bytes = r->last - r->start + 1;
	size_t i = find(mem, r->start);
	struct memory_file *f = NULL;
	int err;

	if (i < mem->n && mem->range[i].start <= r->last)
		return -EEXIST;
	if (fd >= 0) {
		err = open_file(mem, fd, &f);
		if (err)
			return err;
		if (offset > f->bytes || bytes > f->bytes - offset)
			return -EINVAL;
		r->host = f->host + offset;
		r->write &= f->writable;
	}
	return insert(mem, i, r);
}

int memory_map(struct memory *mem, uint64_t start, uint64_t size, int fd, uint64_t offset,
	       bool write)
{
	struct memory_range r = {.start = start, .last = start + size - 1, .write = write};
	int err;

	if (!size || r.last < start)
		return -EINVAL;
	pthread_rwlock_wrlock(&mem->lock);
	err = map(mem, &r, fd, offset);
	pthread_rwlock_unlock(&mem->lock);
	return err;
}

/* Take [start, last] out of range i; the number of ranges left of it. */
static size_t cut(struct memory *mem, size_t i, uint64_t start, uint64_t last)
{
	struct memory_range r = mem->range[i], tail = r;
	size_t left = 0;

	memmove(mem->range + i, mem->range + i + 1, (mem->n - i - 1) * sizeof(r));
	mem->n--;
	if (r.start < start) { /* the place just freed takes it: no memory is needed */
		r.last = start - 1;
		insert(mem, i, &r);
		left++;
	}
	if (tail.last > last) {
		tail.host = tail.host ? tail.host + (last + 1 - tail.start) : NULL;
		tail.start = last + 1;
		/* Out of memory: the tail is lost, which is less access and not more. */
		left += insert(mem, i + left, &tail) == 0;
	}
	return left;
}

uint64_t memory_unmap(struct memory *mem, uint64_t start, uint64_t size)
{
	uint64_t last = start + size - 1, gone = 0;
	size_t i;

	if (last < start)
		last = UINT64_MAX;
	pthread_rwlock_wrlock(&mem->lock);
	for (i = find(mem, start); i < mem->n && mem->range[i].start <= last;) {
		const struct memory_range *r = &mem->range[i];

		gone += (r->last < last ? r->last : last) - (r->start > start ? r->start : start) +
			1;
		i += cut(mem, i, start, last);
	}
	pthread_rwlock_unlock(&mem->lock);
	return gone;
}

void *memory_at(struct memory *mem, uint64_t at, uint64_t *len, bool write)
{
	unsigned char *host = NULL;
	size_t i;

	pthread_rwlock_rdlock(&mem->lock);
	i = find(mem, at);
	if (i < mem->n && mem->range[i].start <= at && mem->range[i].host &&
	    (!write || mem->range[i].write)) {
		const struct memory_range *r = &mem->range[i];

		host = r->host + (at - r->start);
		if (*len > r->last - at + 1 && r->last - at != UINT64_MAX)
			*len = r->last - at + 1;
	}
	pthread_rwlock_unlock(&mem->lock);
	return host;
}
