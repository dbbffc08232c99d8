/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The verbs of vqp/atomic.h for Frama-C: contracts, no bodies.  A load of the
 * peer's word returns anything, each time anew, so one sequential proof speaks
 * for every peer and every moment it may choose.
 */
#ifndef VQP_ATOMIC_BACKEND_H
#define VQP_ATOMIC_BACKEND_H

#define VQP_CPU_OWN
#define VQP_CPU_TELLS_TIME true
#include <vqp/cpu.h>

/*
 * Which words can be trusted is said by the contracts that use them.  An own
 * word holds what we stored last.  A flag is raised by us or, at any moment,
 * by an observer, and is lowered by nobody but us.  It stays what it was raised
 * to, but for 1, VQP_BROKEN_LOST, which an observer may raise to a lie.  A flag
 * that is an own word too has no observer.  All others are the peer's.
 */
/*@ axiomatic Words {
      predicate own_word(struct vqp_cell64 *cell) reads \nothing;
      predicate flag_word(struct vqp_cell64 *cell) reads \nothing;
    }
*/

/*@ requires \valid_read(cell);
    assigns \result \from *cell;
    ensures own_word(cell) ==> \result == cell->v_;
    ensures flag_word(cell) && cell->v_ != 0 ==> \result != 0;
    ensures flag_word(cell) && cell->v_ > 1 ==>
      \result == cell->v_;
*/
uint64_t vqp_load_relaxed(const struct vqp_cell64 *cell);

/*@ requires \valid_read(cell);
    assigns \result \from *cell;
    ensures own_word(cell) ==> \result == cell->v_;
*/
uint64_t vqp_load_acquire(const struct vqp_cell64 *cell);

/*@ requires \valid(cell);
    assigns cell->v_ \from value;
    ensures cell->v_ == value;
*/
void vqp_store_relaxed(struct vqp_cell64 *cell, uint64_t value);

/*@ requires \valid(cell);
    assigns cell->v_ \from value;
    ensures cell->v_ == value;
*/
void vqp_store_release(struct vqp_cell64 *cell, uint64_t value);

/*@ requires \valid(cell);
    assigns cell->v_ \from value;
*/
uint8_t vqp_swap8_full(struct vqp_cell8 *cell, uint8_t value);

/*@ assigns \nothing; */
void vqp_fence_full(void);

/* The processor's advice: any time of day, any answer. */

/*@ assigns \nothing; */
void vqp_pause(void);

/*@ assigns \result \from \nothing; */
uint64_t vqp_ticks(void);

/*@ assigns \result \from \nothing; */
unsigned vqp_cpu_can(void);

/*@ requires \valid_read(line);
    assigns \nothing;
*/
void vqp_give_back(uint8_t *line);

/*@ requires \valid(line);
    assigns \nothing;
*/
void vqp_fetch(uint8_t *line);

/*@ requires \valid((uint8_t *)to + (0 .. 7));
    assigns ((uint8_t *)to)[0 .. 7] \from value;
*/
void vqp_store_past(void *to, uint64_t value);

/*@ assigns \nothing; */
void vqp_fence_past(void);

#endif
