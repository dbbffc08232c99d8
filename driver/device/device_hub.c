/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The hub: which contexts are plugged in, under which ids, and who may talk to
 * whom.  Every call from one context to another is checked here first.
 */
#include "device_private.h"

const char *
vqp_device_count_name(enum vqp_device_count count)
{
	switch (count) {
#define COUNT_CASE(name, text) case name: return text;
	VQP_DEVICE_COUNT_LIST(COUNT_CASE)
#undef COUNT_CASE
	case VQP_DEVICE_COUNTS:
		break;
	}
	return "unknown count";
}

void *
vqp_hub_alloc(struct vqp_hub *hub, uint64_t bytes)
{
	return hub->host.alloc(hub->host.context, (size_t)bytes);
}

void
vqp_hub_free(struct vqp_hub *hub, void *memory, uint64_t bytes)
{
	if (memory != NULL)
		hub->host.free(hub->host.context, memory, (size_t)bytes);
}

int
vqp_hub_refuse(struct hub_context *context, enum vqp_device_count count,
    int status)
{
	const struct vqp_hub_host *host = &context->hub->host;

	context->counts[count]++;
	if (host->log != NULL)
		host->log(host->context, context->cid, count, status);
	return status;
}

int
vqp_hub_create(const struct vqp_hub_host *host,
    const struct vqp_hub_limits *limits, struct vqp_hub **hub)
{
	struct vqp_hub *made;
	struct vqp_hub_limits *limit;

	if (host->alloc == NULL || host->free == NULL ||
	    (limits != NULL && limits->qpair_bytes > VQP_QPAIR_BYTES_MAX))
		return VQP_ERROR_INVALID_ARGS;
	made = host->alloc(host->context, sizeof(*made));
	if (made == NULL)
		return VQP_ERROR_NO_MEM;
	made->host = *host;
	limit = &made->limits;
	if (limits != NULL)
		*limit = *limits;
	if (limit->context_count == 0)
		limit->context_count = 4096;
	if (limit->queue_bytes == 0)
		limit->queue_bytes = VQP_HOST_QUEUE_BYTES_MAX;
	if (limit->event_count == 0)
		limit->event_count = 1024;
	if (limit->doorbell_count == 0)
		limit->doorbell_count = 4096;
	if (limit->qpair_count == 0)
		limit->qpair_count = VQP_QPAIR_COUNT_MAX;
	if (limit->qpair_bytes == 0)
		limit->qpair_bytes = VQP_QPAIR_BYTES_MAX;
	*hub = made;
	return VQP_SUCCESS;
}

void
vqp_hub_destroy(struct vqp_hub *hub)
{
	VQP_CHECK(hub->context_count == 0);
	vqp_hub_free(hub, hub, sizeof(*hub));
}

static struct hub_context **
bucket_of(struct vqp_hub *hub, uint32_t cid)
{
	return &hub->contexts[cid % CONTEXT_BUCKETS];
}

/* As vqp_hub_find(), closing ones too: an id is taken until it is freed. */
static struct hub_context *
find_any(struct vqp_hub *hub, uint32_t cid)
{
	struct hub_context *context = *bucket_of(hub, cid);

	while (context != NULL && context->cid != cid)
		context = context->next;
	return context;
}

struct hub_context *
vqp_hub_find(struct vqp_hub *hub, uint32_t cid)
{
	struct hub_context *context = find_any(hub, cid);

	return context != NULL && !context->closing ? context : NULL;
}

bool
vqp_hub_reachable(const struct hub_context *a, const struct hub_context *b)
{
	return a == b || a->device == NULL || b->device == NULL ||
	    (a->domain != 0 && a->domain == b->domain);
}

bool
vqp_hub_denied(const struct hub_context *a, const struct hub_context *b)
{
	if (a == b)
		return false;
	return ((a->privileges & VQP_PRIVILEGE_RESTRICTED) != 0 &&
	    (b->privileges & VQP_PRIVILEGE_TRUSTED) == 0) ||
	    ((b->privileges & VQP_PRIVILEGE_RESTRICTED) != 0 &&
	    (a->privileges & VQP_PRIVILEGE_TRUSTED) == 0);
}

/* True for an id that this kind of context may have. */
static bool
cid_allowed(const struct hub_context *context, uint32_t cid)
{
	if (cid == VQP_CONTEXT_HOST)
		return context->program != NULL;
	/* GET_CONTEXT_ID returns the id, so no id may look like an error. */
	return cid >= VQP_CONTEXT_FREE_MIN && cid <= VQP_CONTEXT_FREE_MAX;
}

/* Put a context whose device or program pointer is set into the table. */
int
vqp_hub_plug(struct vqp_hub *hub, struct hub_context *context,
    const struct vqp_context_config *config)
{
	uint32_t cid = config->cid;
	struct hub_context **bucket;

	context->hub = hub;
	context->cid = cid;
	if ((config->privileges & ~VQP_PRIVILEGE_ALL) != 0 ||
	    config->privileges == VQP_PRIVILEGE_ALL ||
	    (context->device != NULL &&
	    (config->privileges & VQP_PRIVILEGE_TRUSTED) != 0))
		return VQP_ERROR_INVALID_ARGS;
	if (cid != VQP_CONTEXT_ANY && !cid_allowed(context, cid))
		return VQP_ERROR_INVALID_ARGS;
	if (hub->context_count >= hub->limits.context_count)
		return vqp_hub_refuse(context, VQP_COUNT_CONTEXT_LIMIT,
		    VQP_ERROR_NO_RESOURCES);
	if (cid == VQP_CONTEXT_ANY) {
		/* The loop ends: fewer ids are taken than exist. */
		cid = VQP_CONTEXT_FREE_MIN;
		while (find_any(hub, cid) != NULL)
			cid++;
	} else if (find_any(hub, cid) != NULL) {
		return VQP_ERROR_ALREADY_EXISTS;
	}
	context->cid = cid;
	context->privileges = config->privileges;
	context->domain = config->domain;
	bucket = bucket_of(hub, cid);
	context->next = *bucket;
	*bucket = context;
	hub->context_count++;
	return VQP_SUCCESS;
}

void
vqp_hub_take_out(struct hub_context *context)
{
	struct hub_context **link = bucket_of(context->hub, context->cid);

	while (*link != context)
		link = &(*link)->next;
	*link = context->next;
}

int
vqp_hub_rename(struct hub_context *context, uint32_t cid)
{
	struct hub_context **bucket;

	if (!cid_allowed(context, cid))
		return VQP_ERROR_INVALID_ARGS;
	if (find_any(context->hub, cid) != NULL)
		return VQP_ERROR_ALREADY_EXISTS;
	vqp_hub_take_out(context);
	context->cid = cid;
	bucket = bucket_of(context->hub, cid);
	context->next = *bucket;
	*bucket = context;
	return VQP_SUCCESS;
}
