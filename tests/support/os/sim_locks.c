/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The locks and read sections of a simulated machine, and the rules for nesting
 * them.
 */
#include "sim_private.h"

static void
lock_check(const struct vqp_os_lock *lock, const char *where)
{
	if (lock->alive != ALIVE)
		sim_fail("%s() of what is no lock", where);
}

void
vqp_os_lock_init(struct vqp_os_lock *lock, enum vqp_os_lock_kind kind)
{
	if (lock->alive == ALIVE)
		sim_fail("lock_init() twice");
	if (kind >= VQP_OS_LOCK_COUNT)
		sim_fail("lock_init() of no kind");
	*lock = (struct vqp_os_lock){ .alive = ALIVE, .kind = kind };
	sim.locks_alive++;
	sim_point("lock_init", kind);
}

void
vqp_os_lock_destroy(struct vqp_os_lock *lock)
{
	lock_check(lock, "lock_destroy");
	sim_point("lock_destroy", lock->kind);
	if (lock->owner != NULL)
		sim_fail("lock_destroy() of a lock that is held");
	lock->alive = 0;
	sim.locks_alive--;
}

#define LOCK_NAME(kind, name) [VQP_OS_LOCK_##kind] = name,
static const char *const lock_names[] = { VQP_OS_LOCK_LIST(LOCK_NAME) };

void
vqp_os_lock(struct vqp_os_lock *lock)
{
	struct sim_thread *self = sim.current;

	lock_check(lock, "lock");
	sim_point("lock", lock->kind);
	for (unsigned i = 0; i < self->held_count; i++) {
		const enum vqp_os_lock_kind held = self->held[i]->kind;

		if (self->held[i] == lock)
			sim_fail("a lock is taken twice");
		if (held >= lock->kind)
			sim_fail("%s is taken under %s",
			    lock_names[lock->kind], lock_names[held]);
	}
	if (self->held_count == HELD_MAX)
		sim_fail("%u locks at once", HELD_MAX);
	while (lock->owner != NULL) {
		sim_wait(lock, "lock");
		lock_check(lock, "lock");
	}
	lock->owner = self;
	self->held[self->held_count++] = lock;
	sim_point("locked", lock->kind);
}

void
vqp_os_unlock(struct vqp_os_lock *lock)
{
	struct sim_thread *self = sim.current;
	unsigned at = 0;

	lock_check(lock, "unlock");
	if (lock->owner != self)
		sim_fail("unlock() by another than holds it");
	while (self->held[at] != lock)
		at++;
	self->held[at] = self->held[--self->held_count];
	lock->owner = NULL;
	sim_wake(lock);
	sim_point("unlock", lock->kind);
}

void
vqp_os_read_enter(struct vqp_os *os, struct vqp_os_read *section)
{
	sim_machine_check(os, "read_enter");
	for (const struct vqp_os_read *r = os->readers; r != NULL;
	    r = r->next) {
		if (r == section)
			sim_fail("read_enter() twice");
	}
	*section = (struct vqp_os_read){
		.alive = ALIVE,
		.began = ++sim.reads_began,
		.owner = sim.current,
		.os = os,
		.next = os->readers,
	};
	os->readers = section;
	sim.current->read_count++;
	sim_point("read_enter", 0);
}

void
vqp_os_read_leave(struct vqp_os *os, struct vqp_os_read *section)
{
	struct vqp_os_read **link = &os->readers;

	sim_machine_check(os, "read_leave");
	sim_point("read_leave", 0);
	if (section->alive != ALIVE || section->os != os ||
	    section->owner != sim.current)
		sim_fail("read_leave() without read_enter()");
	while (*link != section)
		link = &(*link)->next;
	*link = section->next;
	section->alive = 0;
	sim.current->read_count--;
	sim_wake(&os->readers);
}

void
vqp_os_synchronize(struct vqp_os *os)
{
	const uint64_t now = sim.reads_began;
	bool older;

	sim_machine_check(os, "synchronize");
	sim_may_sleep("synchronize");
	sim_point("synchronize", 0);
	do {
		older = false;
		for (const struct vqp_os_read *r = os->readers; r != NULL;
		    r = r->next) {
			if (r->began <= now && r->owner == sim.current)
				sim_fail("synchronize() in a read section");
			older |= r->began <= now;
		}
		if (older)
			sim_wait(&os->readers, "synchronize");
	} while (older);
}
