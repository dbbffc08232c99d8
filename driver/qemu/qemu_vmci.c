/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -device vmci: PCI device 15ad:0740 around driver/device, which decides all
 * that the guest's driver can see of VMCI.  This file has PCI, interrupts and
 * the properties.  README.md says how to add the device to a QEMU.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qapi/error.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "migration/vmstate.h"

#include "qemu_vmci.h"

#define PBA_OFFSET	0x1000

/* A machine has one VMCI device; both known drivers keep a single one. */
static VmciState *only;

/*
 * ---- Registers.
 */

static uint64_t
registers_read(void *opaque, hwaddr offset, unsigned width)
{
	VmciState *s = opaque;
	uint64_t value;

	if (s->gone)
		return UINT64_MAX;
	value = vqp_device_read(s->device, offset, width);
	value = vmci_fault_read(s, offset, width, value);
	vmci_trace_read(s, offset, width, value);
	return value;
}

static void
registers_write(void *opaque, hwaddr offset, uint64_t value, unsigned width)
{
	VmciState *s = opaque;

	if (s->gone)
		return;
	vmci_trace_write(s, offset, width, value);
	vmci_fault_write(s, offset, width, value);
	if (offset == VQP_REG_CONTROL && (value & VQP_CONTROL_RESET) != 0)
		vmci_fault_reset(s);
	vqp_device_write(s->device, offset, width, value);
}

static void
port_write(void *opaque, hwaddr offset, uint64_t value, unsigned width)
{
	VmciState *s = opaque;

	if (!s->mmio || !s->deaf_port)
		registers_write(opaque, offset, value, width);
}

#define OPS(write_) {							\
	.read = registers_read,						\
	.write = write_,						\
	.endianness = DEVICE_LITTLE_ENDIAN,				\
	.valid = { .min_access_size = 1, .max_access_size = 8,		\
	    .unaligned = true },					\
	.impl = { .min_access_size = 1, .max_access_size = 8,		\
	    .unaligned = true },					\
}
static const MemoryRegionOps registers_ops = OPS(registers_write);
static const MemoryRegionOps port_ops = OPS(port_write);

/*
 * ---- Interrupts.
 */

static uint32_t
vectors_wanted(const VmciState *s)
{
	return s->mmio ? VQP_VECTOR_COUNT_MMIO : VQP_VECTOR_COUNT_PORT;
}

/*
 * A driver that got one vector for all causes leaves the second entry masked;
 * a driver with a vector for each cause has unmasked it.
 */
static void
look_at_interrupts(VmciState *s)
{
	PCIDevice *pci = PCI_DEVICE(s);

	if (!msix_enabled(pci))
		s->exclusive = false;
	else if (s->vectors > VQP_VECTOR_NOTIFICATION &&
	    !msix_is_masked(pci, VQP_VECTOR_NOTIFICATION))
		s->exclusive = true;
	vqp_device_set_interrupts(s->device, s->exclusive ?
	    VQP_INTERRUPTS_EXCLUSIVE : VQP_INTERRUPTS_SHARED);
}

static int
vector_unmasked(PCIDevice *pci, unsigned vector, MSIMessage message)
{
	look_at_interrupts(VMCI(pci));
	return 0;
}

static void
vector_masked(PCIDevice *pci, unsigned vector)
{
	/* A brief mask, for instance while a vector moves to another CPU. */
}

static void
send_interrupt(VmciState *s, uint32_t vector, bool level)
{
	PCIDevice *pci = PCI_DEVICE(s);

	if (s->gone)
		return;
	if (msix_enabled(pci)) {
		if (level && vector < s->vectors)
			msix_notify(pci, vector);
	} else if (msi_enabled(pci)) {
		if (level)
			msi_notify(pci, 0);
	} else if (s->intx) {
		pci_set_irq(pci, level);
	}
}

static void
interrupt(void *opaque, uint32_t vector, bool level)
{
	VmciState *s = opaque;

	if (level && vmci_fault(&s->drop_irq)) {
		vmci_trace_line(s, "interrupt %u dropped", vector);
		return;
	}
	vmci_trace_line(s, "interrupt %u %s", vector, level ? "up" : "down");
	send_interrupt(s, vector, level);
	if (level && vmci_fault(&s->double_irq))
		send_interrupt(s, vector, level);
}

static uint32_t
config_read(PCIDevice *pci, uint32_t address, int length)
{
	return VMCI(pci)->gone ? UINT32_MAX :
	    pci_default_read_config(pci, address, length);
}

static void
config_write(PCIDevice *pci, uint32_t address, uint32_t value, int length)
{
	VmciState *s = VMCI(pci);
	const bool msix = msix_enabled(pci), msi = msi_enabled(pci);

	if (s->gone)
		return;
	pci_default_write_config(pci, address, value, length);
	if (msix == msix_enabled(pci) && msi == msi_enabled(pci))
		return;
	vmci_trace_line(s, "interrupts by %s", msix_enabled(pci) ? "MSI-X" :
	    msi_enabled(pci) ? "MSI" : "INTx");
	look_at_interrupts(s);
	/* The line follows the level, or is low while messages are sent. */
	if (s->intx)
		pci_set_irq(pci, !msix_enabled(pci) && !msi_enabled(pci) &&
		    vqp_device_interrupt_level(s->device));
}

/*
 * ---- What the hub needs.
 */

static void *
hub_alloc(void *context, size_t bytes)
{
	return g_try_malloc0(bytes);
}

static void
hub_free(void *context, void *memory, size_t bytes)
{
	g_free(memory);
}

static void
hub_log(void *context, uint32_t cid, enum vqp_device_count count,
    int64_t status)
{
	VmciState *s = context;

	vmci_trace_line(s, "%u: %s, %s", cid, vqp_device_count_name(count),
	    vqp_status_name(status));
	if (s->log && !s->trace.on)
		vmci_say(s, count, "context %u: %s (%s)", cid,
		    vqp_device_count_name(count), vqp_status_name(status));
}

/* For QMP: qom-get path=/machine/peripheral/<id> property=counts. */
static char *
get_counts(Object *object, Error **errp)
{
	VmciState *s = VMCI(object);
	GString *text = g_string_new(NULL);

	for (int i = 0; s->device != NULL && i < VQP_DEVICE_COUNTS; i++) {
		const uint64_t n = vqp_device_count(s->device, i);

		if (n != 0)
			g_string_append_printf(text, "%s%s=%" PRIu64,
			    text->len == 0 ? "" : " ",
			    vqp_device_count_name(i), n);
	}
	return g_string_free(text, FALSE);
}

/*
 * ---- Life.
 */

static bool
judge_cid(const VmciState *s, Error **errp)
{
	if (s->cid >= VQP_CONTEXT_FREE_MIN && s->cid <= VQP_CONTEXT_FREE_MAX)
		return true;
	error_setg(errp, "vmci: cid=%u: %s: a guest has an id from %u to %u "
	    "(add 4294967296 to a negative vmci0.id)", s->cid,
	    vqp_status_name(VQP_ERROR_INVALID_ARGS), VQP_CONTEXT_FREE_MIN,
	    VQP_CONTEXT_FREE_MAX);
	return false;
}

static bool
create_device(VmciState *s, Error **errp)
{
	const struct vqp_hub_host hub_host = {
		.alloc = hub_alloc, .free = hub_free, .log = hub_log,
		.context = s,
	};
	const struct vqp_device_host host = {
		.read = vmci_memory_read, .write = vmci_memory_write,
		.map = vmci_memory_map, .unmap = vmci_memory_unmap,
		.interrupt = interrupt, .context = s,
	};
	struct vqp_device_config config = {
		.context.cid = s->cid,
		.generation = s->mmio ? VQP_DEVICE_MMIO : VQP_DEVICE_PORT,
		.data_in = VQP_DATA_IN_IMAGE,
		.caps = s->caps,
	};
	int status;

	if (config.caps == 0) {
		config.caps = VQP_CAP_DATAGRAM | VQP_CAP_NOTIFICATIONS |
		    VQP_CAP_PPN64;
		if (s->mmio)
			config.caps |= VQP_CAP_DMA_DATAGRAM;
	}
	if (!s->ppn64)
		config.caps &= ~VQP_CAP_PPN64;
	status = vqp_hub_create(&hub_host, NULL, &s->hub);
	if (status == VQP_SUCCESS)
		status = vqp_device_create(s->hub, &host, &config, &s->device);
	if (status == VQP_SUCCESS)
		return true;
	if (s->hub != NULL)
		vqp_hub_destroy(s->hub);
	s->hub = NULL;
	error_setg(errp, "vmci: cid=%u caps=0x%x: %s", s->cid, config.caps,
	    vqp_status_name(status));
	return false;
}

static bool
init_bars(VmciState *s, Error **errp)
{
	PCIDevice *pci = PCI_DEVICE(s);

	memory_region_init_io(&s->bar_port, OBJECT(s), &port_ops, s,
	    "vmci-port", VQP_BAR_PORT_BYTES);
	if (!s->mmio || !s->no_port)
		pci_register_bar(pci, VQP_BAR_PORT,
		    PCI_BASE_ADDRESS_SPACE_IO, &s->bar_port);
	memory_region_init(&s->bar_memory, OBJECT(s), "vmci-memory", s->mmio ?
	    VQP_BAR_MEMORY_BYTES_MMIO : VQP_BAR_MEMORY_BYTES_PORT);
	if (s->mmio) {
		memory_region_init_io(&s->registers, OBJECT(s),
		    &registers_ops, s, "vmci-registers", VQP_MMIO_REG_BYTES);
		memory_region_add_subregion(&s->bar_memory,
		    VQP_MMIO_REG_OFFSET, &s->registers);
	}
	if (s->msix && msix_init(pci, s->vectors, &s->bar_memory,
	    VQP_BAR_MEMORY, VQP_MMIO_MSIX_OFFSET, &s->bar_memory,
	    VQP_BAR_MEMORY, PBA_OFFSET, 0, errp) < 0)
		return false;
	for (uint32_t i = 0; s->msix && i < s->vectors; i++)
		msix_vector_use(pci, i);
	pci_register_bar(pci, VQP_BAR_MEMORY, PCI_BASE_ADDRESS_MEM_TYPE_64,
	    &s->bar_memory);
	if (s->msi && msi_init(pci, 0, 1, true, false, errp) < 0)
		return false;
	pci_config_set_interrupt_pin(pci->config, s->intx ? 1 : 0);
	return true;
}

static void
vmci_exit(PCIDevice *pci)
{
	VmciState *s = VMCI(pci);

	/* While QEMU can still wait for programs that map the memory. */
	if (s->device != NULL)
		vqp_device_reset(s->device);
	vmci_link_stop(s);
	if (s->device != NULL)
		vqp_device_destroy(s->device);
	if (s->hub != NULL)
		vqp_hub_destroy(s->hub);
	s->device = NULL;
	s->hub = NULL;
	vmci_fault_exit(s);
	vmci_say_exit(s);
	if (msix_present(pci)) {
		if (pci->msix_vector_use_notifier != NULL)
			msix_unset_vector_notifiers(pci);
		msix_unuse_all_vectors(pci);
		msix_uninit(pci, &s->bar_memory, &s->bar_memory);
	}
	msi_uninit(pci);
	if (only == s)
		only = NULL;
}

static void
vmci_realize(PCIDevice *pci, Error **errp)
{
	VmciState *s = VMCI(pci);

	/* First check the build: PCIDevice of another QEMU differs. */
	if (object_type_get_instance_size(TYPE_PCI_DEVICE) !=
	    sizeof(PCIDevice)) {
		error_setg(errp, "vmci: built with the headers of another "
		    "QEMU; run driver/qemu/build again");
		return;
	}
	if (only != NULL) {
		error_setg(errp, "vmci: a machine has only one VMCI device");
		return;
	}
	if (s->vectors == 0)
		s->vectors = vectors_wanted(s);
	if (s->vectors > VQP_VECTOR_COUNT_MMIO) {
		error_setg(errp, "vmci: vectors=%u: there are at most %u",
		    s->vectors, VQP_VECTOR_COUNT_MMIO);
		return;
	}
	if (!judge_cid(s, errp))
		return;
	QLIST_INIT(&s->mappings);
	vmci_fault_init(s);
	vmci_say_init(s);
	if (!create_device(s, errp) || !init_bars(s, errp) ||
	    !vmci_link_start(s, &vmci_program_calls, errp)) {
		vmci_exit(pci);
		return;
	}
	only = s;
	if (s->msix)
		msix_set_vector_notifiers(pci, vector_unmasked, vector_masked,
		    NULL);
	vqp_device_set_interrupts(s->device, VQP_INTERRUPTS_SHARED);
}

static void
vmci_reset(DeviceState *device)
{
	VmciState *s = VMCI(device);

	vmci_trace_line(s, "reset");
	vqp_device_reset(s->device);
	vmci_fault_reset(s);
	s->exclusive = false;
	vqp_device_set_interrupts(s->device, VQP_INTERRUPTS_SHARED);
}

/* For QMP, once: the device's pairs end, and the guest reads all ones. */
static void
set_gone(Object *object, bool value, Error **errp)
{
	VmciState *s = VMCI(object);

	if (!value || s->device == NULL)
		return;
	vqp_device_reset(s->device);
	vmci_fault_reset(s);
	s->gone = true;
}

static Property vmci_properties[] = {
	DEFINE_PROP_UINT32("cid", VmciState, cid, 16),
	DEFINE_PROP_UINT32("caps", VmciState, caps, 0),
	DEFINE_PROP_BOOL("mmio", VmciState, mmio, false),
	DEFINE_PROP_UINT32("vectors", VmciState, vectors, 0),
	DEFINE_PROP_BOOL("msix", VmciState, msix, true),
	DEFINE_PROP_BOOL("msi", VmciState, msi, true),
	DEFINE_PROP_BOOL("intx", VmciState, intx, true),
	DEFINE_PROP_BOOL("ppn64", VmciState, ppn64, true),
	DEFINE_PROP_BOOL("trace", VmciState, trace.on, false),
	DEFINE_PROP_BOOL("log", VmciState, log, true),
	DEFINE_PROP_STRING("socket", VmciState, socket),
	DEFINE_PROP_CHR("chardev", VmciState, chardev),
	DEFINE_PROP_UINT32("release-ms", VmciState, release_ms, 5000),
	DEFINE_PROP_UINT32("x-drop-irq", VmciState, drop_irq.every, 0),
	DEFINE_PROP_UINT32("x-double-irq", VmciState, double_irq.every, 0),
	DEFINE_PROP_UINT32("x-corrupt-header", VmciState, corrupt.fault.every,
	    0),
	DEFINE_PROP_UINT32("x-short-result", VmciState, short_result.every, 0),
	DEFINE_PROP_UINT32("x-late-busy-us", VmciState, late_busy_us, 0),
	DEFINE_PROP_BOOL("x-deaf-port", VmciState, deaf_port, false),
	DEFINE_PROP_BOOL("x-no-port", VmciState, no_port, false),
	DEFINE_PROP_END_OF_LIST(),
};

/* No migration: what a host context has mapped does not move along. */
static const VMStateDescription vmci_vmstate = {
	.name = TYPE_VMCI,
	.unmigratable = 1,
};

static const struct {
	const char *name, *text;
} descriptions[] = {
	{ "cid", "context id of the guest, 16 to 4294967195" },
	{ "caps", "capabilities to offer; 0: all that are implemented" },
	{ "mmio", "newer generation: registers in BAR 1, DMA datagrams" },
	{ "vectors", "MSI-X vectors, 1 to 3; 0: one for each cause" },
	{ "msix", "have MSI-X" },
	{ "msi", "have MSI" },
	{ "intx", "have an interrupt line" },
	{ "ppn64", "offer page numbers of 64 bits" },
	{ "trace", "log each access of a register on standard error" },
	{ "log", "log what the guest was refused" },
	{ "socket", "path of a Unix socket for host contexts" },
	{ "chardev", "a -chardev socket for one host context" },
	{ "release-ms", "how long a host context may take to unmap" },
	{ "x-drop-irq", "lose every n-th interrupt" },
	{ "x-double-irq", "send every n-th interrupt twice" },
	{ "x-corrupt-header", "lie about the size of every n-th datagram" },
	{ "x-short-result", "make the result of every n-th send one smaller" },
	{ "x-late-busy-us", "let DMA sends stay busy for that long" },
	{ "x-deaf-port", "with mmio, ignore what is written to BAR 0" },
	{ "x-no-port", "with mmio, have no BAR 0" },
	{ "x-gone", "set once: remove the device from the machine" },
};

static void
vmci_class_init(ObjectClass *class, void *data)
{
	DeviceClass *device = DEVICE_CLASS(class);
	PCIDeviceClass *pci = PCI_DEVICE_CLASS(class);

	pci->realize = vmci_realize;
	pci->exit = vmci_exit;
	pci->config_read = config_read;
	pci->config_write = config_write;
	pci->vendor_id = VQP_PCI_VENDOR;
	pci->device_id = VQP_PCI_DEVICE;
	pci->revision = VQP_PCI_REVISION;
	pci->class_id = VQP_PCI_CLASS >> 8;
	pci->subsystem_vendor_id = VQP_PCI_VENDOR;
	pci->subsystem_id = VQP_PCI_DEVICE;
	device->desc = "VMware Virtual Machine Communication Interface";
	device->reset = vmci_reset;
	device->vmsd = &vmci_vmstate;
	set_bit(DEVICE_CATEGORY_MISC, device->categories);
	device_class_set_props(device, vmci_properties);
	object_class_property_add_str(class, "counts", get_counts, NULL);
	object_class_property_add_bool(class, "x-gone", NULL, set_gone);
	for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++)
		object_class_property_set_description(class,
		    descriptions[i].name, descriptions[i].text);
}

static const TypeInfo vmci_types[] = {
	{
		.name = TYPE_VMCI,
		.parent = TYPE_PCI_DEVICE,
		.instance_size = sizeof(VmciState),
		.class_init = vmci_class_init,
		.interfaces = (InterfaceInfo[]) {
			{ INTERFACE_CONVENTIONAL_PCI_DEVICE },
			{ },
		},
	},
};

DEFINE_TYPES(vmci_types)
