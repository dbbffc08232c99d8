// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// A function that loads the peer's word twice may get two different values.
// Checks the sources before preprocessing, so it sees both sides of every #if.
virtual report

// Checking whether the word is still the same does not use a second value.
@same@
expression cell, what;
position p;
@@
(
vqp_load_relaxed(cell)@p != what
|
vqp_load_relaxed(cell)@p == what
)

@twice exists@
expression cell;
identifier first =~ "^vqp_(load_relaxed|load_acquire|ring_look)$";
identifier second =~ "^vqp_(load_relaxed|load_acquire|ring_look)$";
position p1 != same.p, p2 != same.p;
@@
first(cell, ...)@p1
... when any
second(cell, ...)@p2

@script:python depends on report@
p1 << twice.p1;
p2 << twice.p2;
cell << twice.cell;
@@
# A loop meets itself.
if p1[0].line != p2[0].line or p1[0].column != p2[0].column:
    print("%s:%s: %s was loaded in line %s" %
          (p2[0].file, p2[0].line, cell, p1[0].line))

@after_look exists@
expression end;
identifier second =~ "^vqp_(load_relaxed|load_acquire|ring_look)$";
position p != same.p;
@@
vqp_rx_look(end, ...)
... when any
second(end->tail_cell, ...)@p

@script:python depends on report@
p << after_look.p;
end << after_look.end;
@@
print("%s:%s: %s->tail_cell was loaded by vqp_rx_look()" %
      (p[0].file, p[0].line, end))
