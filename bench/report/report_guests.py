# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Linux's own vmw_vmci and ours in a guest (guests.py), as tables.

A table is its caption, its head, and rows of cells.  A cell is (text, ratio);
a ratio above 1 is good, and None marks a cell without a judgement.
"""
from report_results import bytes_text, digits, times_text

SUBJECTS = ("stock", "ours")
CASES = {
    "local": "stream within the guest",
    "to-host": "stream to the host",
    "from-host": "stream from the host",
    "local-trip": "round trip within the guest",
    "host-trip": "round trip with the host",
    "host-datagram": "datagram to the host and back",
}
# The counters of the device that have a table; the file has more.
COUNTED = {
    "accesses": "accesses of a register",
    "irq": "interrupts",
}
INTRO = ("Linux's own vmw_vmci.ko and ours, one after the other on the same "
         "device of QEMU's emulator, under the same Debian kernel and its own "
         "vmw_vsock_vmci_transport.ko. Above 1× ours costs more.")


def is_stream(row):
    return row["case"] in ("local", "to-host", "from-host")


def case_text(row):
    return (f"{CASES.get(row['case'], row['case'])}, "
            f"{bytes_text(row['message_bytes'])}")


def ratio(row):
    return row["ours"] / row["stock"] if row["stock"] and row["ours"] else None


def ratio_cell(row):
    value = ratio(row)
    return ("-", None) if value is None else (times_text(value), 1 / value)


def text(value):
    return (digits(value), None)


def per_byte(rows):
    """Streams are counted per byte, everything else per trip."""
    for one, unit in ((True, "byte"), (False, "trip")):
        some = [row for row in rows if is_stream(row) == one]
        if some:
            yield unit, some


def devices(rows):
    return list(dict.fromkeys(row["device"] for row in rows))


def instruction_tables(rows):
    for device in devices(rows):
        for unit, some in per_byte(
                [row for row in rows if row["device"] == device]):
            yield (f"instructions a {unit}, {device} device",
                   ["", *SUBJECTS, "ours / stock", "ns of stock", "of ours"],
                   [[(case_text(row), None), text(row["stock"]),
                     text(row["ours"]), ratio_cell(row),
                     text(2 * row["stock"]), text(2 * row["ours"])]
                    for row in some])


def time_tables(rows, boots):
    for unit, some in per_byte(rows):
        yield (f"emulator's ns a {unit}, {some[0]['device']} device, medians "
               f"of {boots} boots",
               ["", *SUBJECTS, "ours / stock", "stock, min to max",
                "ours, min to max"],
               [[(case_text(row), None), text(row["stock"]),
                 text(row["ours"]), ratio_cell(row)] +
                [(f"{digits(row[one + '_min'])} to "
                  f"{digits(row[one + '_max'])}", None) for one in SUBJECTS]
                for row in some])


def exit_tables(rows):
    """The tables that show both devices beside each other."""
    for what, name in COUNTED.items():
        cases = {}
        for row in rows:
            if row["what"] == what:
                cases.setdefault(case_text(row), {})[row["device"]] = row
        head, body = [""], []
        for device in devices(rows):
            head += [f"{device}: stock", "ours", "ours / stock"]
        for case, found in cases.items():
            body.append([(case, None)])
            for device in devices(rows):
                row = found.get(device)
                body[-1] += [text(row["stock"]), text(row["ours"]),
                             ratio_cell(row)] if row else [("-", None)] * 3
        if body:
            yield f"{name}, a message or trip", head, body


def send_texts(rows):
    """The cost of one datagram: device accesses to send it and to receive it.
    """
    said = []
    for device in devices(rows):
        costs = {row["what"]: row for row in rows
                 if row["device"] == device and
                 row["case"] == "host-datagram"}
        for what, verb in (("to_send", "send"), ("to_receive", "receive")):
            if what in costs:
                said.append(
                    f"{device} device, accesses to {verb} a datagram: stock "
                    f"{digits(costs[what]['stock'])}, ours "
                    f"{digits(costs[what]['ours'])}")
    return said


def guest_tables(guests):
    return (list(instruction_tables(guests["instructions"])) +
            list(time_tables(guests["time"], guests["boots"])) +
            list(exit_tables(guests["exits"])))


def guest_card(guests):
    return (f"Linux {guests['kernel']}, QEMU {guests['qemu']} (TCG), "
            f"commit {guests['commit']}")
