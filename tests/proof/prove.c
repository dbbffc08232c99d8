/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What Frama-C reads: the contracts, and through them the engine. */
#include "contracts_ring.h"
