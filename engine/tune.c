/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The functions of vqp/tune.h that run seldom. */
#include <vqp/tune.h>

static void
vqp_distance_set(struct vqp_distance *distance, enum vqp_placement placement)
{
	distance->looks = 0;
	distance->told = true;
	switch (placement) {
	case VQP_PLACEMENT_SAME_CORE:
		distance->ticks = VQP_TICKS_NEAR;
		break;
	case VQP_PLACEMENT_NEAR:
		distance->ticks = VQP_TICKS_FAR;
		break;
	case VQP_PLACEMENT_FAR:
		distance->ticks = VQP_TICKS_FAR + 1;
		break;
	default:
		distance->ticks = 0;
		distance->told = false;
	}
}

/* Start with the better guess.  The first laps say nothing about it yet. */
static void
vqp_trial_start(struct vqp_trial *trial, bool far)
{
	trial->left = 0;
	trial->windows = VQP_TRIAL_SETTLE_WINDOWS;
	trial->keep = VQP_TRIAL_KEEP_MIN;
	trial->step = VQP_TRIAL_KEEP;
	trial->gives_back = trial->far = far;
}

/* Go on to the next step of the trial. */
static void
vqp_trial_next(struct vqp_trial *trial)
{
	bool better;

	trial->windows = VQP_TRIAL_WINDOWS;
	switch (trial->step) {
	case VQP_TRIAL_KEEP:
		trial->step = VQP_TRIAL_THIS;
		trial->ticks[0] = trial->ticks[1] = UINT64_MAX;
		break;
	case VQP_TRIAL_THIS:
		trial->step = VQP_TRIAL_SETTLE;
		trial->windows = VQP_TRIAL_SETTLE_WINDOWS;
		trial->gives_back = !trial->gives_back;
		break;
	case VQP_TRIAL_SETTLE:
		trial->step = VQP_TRIAL_OTHER;
		break;
	case VQP_TRIAL_OTHER:
		/* Better by an eighth, since eviction is work. */
		better = trial->ticks[1] < trial->ticks[0] -
		    trial->ticks[0] / 8;
		if (trial->gives_back == better)
			trial->keep = VQP_TRIAL_KEEP_MIN;
		else if (trial->keep < VQP_TRIAL_KEEP_MAX)
			trial->keep *= 2;
		trial->gives_back = better;
		trial->step = VQP_TRIAL_KEEP;
		trial->windows = trial->keep;
	}
}

void
vqp_tune_tx_start(struct vqp_tune_tx *tune, uint64_t size,
    enum vqp_placement placement)
{
	vqp_distance_set(&tune->distance, placement);
	tune->chunk = size / 16 < VQP_MORE_BYTES ? VQP_MORE_BYTES :
	    size / 16 > VQP_MORE_BYTES_MAX ? VQP_MORE_BYTES_MAX : size / 16;
}

void
vqp_tune_rx_start(struct vqp_tune_rx *tune, enum vqp_placement placement)
{
	vqp_distance_set(&tune->distance, placement);
	vqp_trial_start(&tune->trial, false);
	tune->backoff = 0;
}

bool
vqp_tune_evicts(struct vqp_tune_rx *tune, uint64_t n, uint64_t size)
{
	struct vqp_trial *trial = &tune->trial;
	uint64_t now, ticks, *best = &trial->ticks[trial->gives_back];

	if (trial->far != vqp_is_far(&tune->distance))
		vqp_trial_start(trial, !trial->far);
	if (n < trial->left) {
		trial->left -= n;
		return trial->gives_back;
	}
	now = vqp_ticks();
	ticks = now - trial->since;
	if (ticks < *best && trial->step != VQP_TRIAL_SETTLE)
		*best = ticks;
	trial->since = now;
	trial->left = size / VQP_TRIAL_WINDOWS > VQP_TRIAL_BYTES ?
	    size / VQP_TRIAL_WINDOWS : VQP_TRIAL_BYTES;
	if (trial->windows == 0)
		vqp_trial_next(trial);
	trial->windows--;
	return trial->gives_back;
}
