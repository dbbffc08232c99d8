/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The OS layer of the core on POSIX threads.  A read section is a read lock, so
 * that ThreadSanitizer sees what it orders.  A thread that waits for all read
 * sections takes the lock for writing and has precedence, because it would
 * otherwise starve.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "user_os.h"

#define PAGE_SHIFT 12
#define PAGE_BYTES ((size_t)1 << PAGE_SHIFT)

struct vqp_os {
	struct vqp_user_bus bus;
	FILE *log;
	pthread_rwlock_t sections;
	pthread_t worker;
	pthread_mutex_t mutex;		/* protects the members below */
	pthread_cond_t changed;
	struct vqp_os_work *first, **last;
	struct vqp_os_work *running;
	bool stopping;
	sem_t released;
};

void *
vqp_os_alloc(struct vqp_os *os, uint64_t bytes)
{
	void *memory;

	(void)os;
	if (posix_memalign(&memory, VQP_OS_ALIGNMENT, (size_t)bytes) != 0)
		return NULL;
	return memset(memory, 0, (size_t)bytes);
}

void
vqp_os_free(struct vqp_os *os, void *memory, uint64_t bytes)
{
	(void)os;
	(void)bytes;
	free(memory);
}

uint32_t
vqp_os_page_shift(struct vqp_os *os)
{
	(void)os;
	return PAGE_SHIFT;
}

/*
 * ---- Pages: a file in memory, so that it can be mapped twice.
 */

static void *
pages_map(int file, size_t bytes, bool mirror)
{
	size_t again = mirror ? bytes - PAGE_BYTES : 0;
	uint8_t *base = mmap(NULL, bytes + again, PROT_READ | PROT_WRITE,
	    MAP_SHARED, file, 0);

	if (base == MAP_FAILED)
		return NULL;
	if (again != 0 && mmap(base + bytes, again, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_FIXED, file, (off_t)PAGE_BYTES) == MAP_FAILED) {
		munmap(base, bytes + again);
		return NULL;
	}
	return base;
}

bool
vqp_os_pages_alloc(struct vqp_os *os, uint32_t page_count, bool mirror,
    struct vqp_os_pages *pages)
{
	size_t bytes = page_count * PAGE_BYTES;
	int file = memfd_create("vqp pages", MFD_CLOEXEC);

	(void)os;
	if (file < 0)
		return false;
	pages->base = NULL;
	pages->page_numbers = calloc(page_count, sizeof(uint64_t));
	if (pages->page_numbers != NULL && ftruncate(file, (off_t)bytes) == 0)
		pages->base = pages_map(file, bytes, mirror);
	close(file);
	if (pages->base == NULL) {
		free(pages->page_numbers);
		return false;
	}
	for (uint32_t i = 0; i < page_count; i++)
		pages->page_numbers[i] =
		    ((uintptr_t)pages->base >> PAGE_SHIFT) + i;
	pages->page_count = page_count;
	pages->mirrored = mirror;
	return true;
}

void
vqp_os_pages_free(struct vqp_os *os, struct vqp_os_pages *pages)
{
	size_t bytes = pages->page_count * PAGE_BYTES;

	(void)os;
	munmap(pages->base, pages->mirrored ? 2 * bytes - PAGE_BYTES : bytes);
	free(pages->page_numbers);
}

bool
vqp_os_dma_alloc(struct vqp_os *os, uint64_t bytes, struct vqp_os_dma *dma)
{
	(void)os;
	dma->base = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (dma->base == MAP_FAILED) {
		dma->base = NULL;
		return false;
	}
	dma->address = (uintptr_t)dma->base;
	dma->bytes = bytes;
	return true;
}

void
vqp_os_dma_free(struct vqp_os *os, struct vqp_os_dma *dma)
{
	(void)os;
	munmap(dma->base, (size_t)dma->bytes);
}

/*
 * ---- Registers.
 */

uint32_t
vqp_os_reg_read(struct vqp_os *os, uint32_t reg)
{
	return os->bus.read(os->bus.context, reg);
}

void
vqp_os_reg_write(struct vqp_os *os, uint32_t reg, uint32_t value)
{
	os->bus.write(os->bus.context, reg, value);
}

bool
vqp_os_has_ports(struct vqp_os *os)
{
	return os->bus.stream_write != NULL;
}

void
vqp_os_stream_read(struct vqp_os *os, uint32_t reg, void *to, uint64_t bytes)
{
	os->bus.stream_read(os->bus.context, reg, to, bytes);
}

void
vqp_os_stream_write(struct vqp_os *os, uint32_t reg, const void *from,
    uint64_t bytes)
{
	os->bus.stream_write(os->bus.context, reg, from, bytes);
}

/*
 * ---- Locks and sections.
 */

#define LOCK_NAME(kind, name) [VQP_OS_LOCK_##kind] = name,
static const char *const lock_names[] = { VQP_OS_LOCK_LIST(LOCK_NAME) };

/* The kinds that this thread holds, a bit each. */
static _Thread_local unsigned locks_held;

void
vqp_os_lock_init(struct vqp_os_lock *lock, enum vqp_os_lock_kind kind)
{
	pthread_mutex_init(&lock->mutex, NULL);
	lock->kind = kind;
}

void
vqp_os_lock_destroy(struct vqp_os_lock *lock)
{
	pthread_mutex_destroy(&lock->mutex);
}

void
vqp_os_lock(struct vqp_os_lock *lock)
{
	if (locks_held >> lock->kind != 0) {
		fprintf(stderr, "vqp: %s is taken under a lock of its kind or "
		    "a later one\n", lock_names[lock->kind]);
		abort();
	}
	pthread_mutex_lock(&lock->mutex);
	locks_held |= 1u << lock->kind;
}

void
vqp_os_unlock(struct vqp_os_lock *lock)
{
	locks_held &= ~(1u << lock->kind);
	pthread_mutex_unlock(&lock->mutex);
}

void
vqp_os_read_enter(struct vqp_os *os, struct vqp_os_read *section)
{
	(void)section;
	pthread_rwlock_rdlock(&os->sections);
}

void
vqp_os_read_leave(struct vqp_os *os, struct vqp_os_read *section)
{
	(void)section;
	pthread_rwlock_unlock(&os->sections);
}

void
vqp_os_synchronize(struct vqp_os *os)
{
	pthread_rwlock_wrlock(&os->sections);
	pthread_rwlock_unlock(&os->sections);
}

/*
 * ---- Work.
 */

void
vqp_os_work_init(struct vqp_os_work *work, void (*function)(void *),
    void *argument)
{
	work->function = function;
	work->argument = argument;
	work->queued = false;
}

void
vqp_os_work_queue(struct vqp_os *os, struct vqp_os_work *work)
{
	pthread_mutex_lock(&os->mutex);
	if (!work->queued) {
		work->queued = true;
		work->next = NULL;
		*os->last = work;
		os->last = &work->next;
		pthread_cond_broadcast(&os->changed);
	}
	pthread_mutex_unlock(&os->mutex);
}

/* Under mutex. */
static void
work_unlink(struct vqp_os *os, struct vqp_os_work *work)
{
	struct vqp_os_work **at = &os->first;

	while (*at != work)
		at = &(*at)->next;
	*at = work->next;
	if (os->last == &work->next)
		os->last = at;
	work->queued = false;
}

void
vqp_os_work_drain(struct vqp_os *os, struct vqp_os_work *work)
{
	pthread_mutex_lock(&os->mutex);
	if (work->queued)
		work_unlink(os, work);
	while (os->running == work && !pthread_equal(pthread_self(),
	    os->worker))
		pthread_cond_wait(&os->changed, &os->mutex);
	pthread_mutex_unlock(&os->mutex);
}

static void *
work_thread(void *argument)
{
	struct vqp_os *os = argument;

	pthread_mutex_lock(&os->mutex);
	while (!os->stopping || os->first != NULL) {
		struct vqp_os_work *work = os->first;
		void (*function)(void *);

		if (work == NULL) {
			pthread_cond_wait(&os->changed, &os->mutex);
			continue;
		}
		work_unlink(os, work);
		os->running = work;
		function = work->function;
		argument = work->argument;
		pthread_mutex_unlock(&os->mutex);
		function(argument);	/* may free the item */
		pthread_mutex_lock(&os->mutex);
		os->running = NULL;
		pthread_cond_broadcast(&os->changed);
	}
	pthread_mutex_unlock(&os->mutex);
	return NULL;
}

/*
 * ---- The rest.
 */

void
vqp_os_event_init(struct vqp_os_event *event)
{
	sem_init(&event->semaphore, 0, 0);
}

void
vqp_os_event_destroy(struct vqp_os_event *event)
{
	sem_destroy(&event->semaphore);
}

void
vqp_os_event_signal(struct vqp_os_event *event)
{
	sem_post(&event->semaphore);
}

void
vqp_os_event_wait(struct vqp_os_event *event)
{
	while (sem_wait(&event->semaphore) != 0)
		;			/* interrupted by a signal */
}

uint64_t
vqp_os_now_ns(struct vqp_os *os)
{
	struct timespec now;

	(void)os;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void
vqp_os_relax(struct vqp_os *os)
{
	const struct timespec moment = { 0, 1000 };

	(void)os;
	nanosleep(&moment, NULL);
}

uintptr_t
vqp_os_self(struct vqp_os *os)
{
	(void)os;
	return (uintptr_t)pthread_self();
}

void
vqp_os_log(struct vqp_os *os, enum vqp_os_level level, const char *format,
    ...)
{
	static const char *const names[] = { "error", "warning", "info" };
	va_list arguments;

	if (os->log == NULL)
		return;
	va_start(arguments, format);
	flockfile(os->log);
	fprintf(os->log, "vqp: %s: ", names[level]);
	vfprintf(os->log, format, arguments);
	fputc('\n', os->log);
	funlockfile(os->log);
	va_end(arguments);
}

void
vqp_os_release(struct vqp_os *os)
{
	sem_post(&os->released);
}

struct vqp_os *
vqp_user_os_new(const struct vqp_user_bus *bus, FILE *log)
{
	struct vqp_os *os = calloc(1, sizeof(*os));
	pthread_rwlockattr_t first;

	if (os == NULL)
		return NULL;
	os->bus = *bus;
	os->log = log;
	os->last = &os->first;
	pthread_rwlockattr_init(&first);
	pthread_rwlockattr_setkind_np(&first,
	    PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&os->sections, &first);
	pthread_rwlockattr_destroy(&first);
	pthread_mutex_init(&os->mutex, NULL);
	pthread_cond_init(&os->changed, NULL);
	sem_init(&os->released, 0, 0);
	if (pthread_create(&os->worker, NULL, work_thread, os) != 0) {
		free(os);
		return NULL;
	}
	return os;
}

void
vqp_user_os_cancel(struct vqp_os *os)
{
	sem_post(&os->released);
	vqp_user_os_free(os);
}

void
vqp_user_os_free(struct vqp_os *os)
{
	while (sem_wait(&os->released) != 0)
		;
	pthread_mutex_lock(&os->mutex);
	os->stopping = true;
	pthread_cond_broadcast(&os->changed);
	pthread_mutex_unlock(&os->mutex);
	pthread_join(os->worker, NULL);
	sem_destroy(&os->released);
	pthread_cond_destroy(&os->changed);
	pthread_mutex_destroy(&os->mutex);
	pthread_rwlock_destroy(&os->sections);
	free(os);
}
