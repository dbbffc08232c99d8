# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Every fault that a list of operators can plant in a C file, all in one copy.

Each fault is text that is inserted around what stands there, and is off until
the program that was built from the copy finds the fault's number in its
environment: so a tree is compiled once, and not once for each fault.

    drop        a statement is left out: a call, an assignment, a lock, a jump
    never       what stands under an `if` is left out
    negate      a condition says the opposite
    bound       a comparison is off by one
    number      a constant is one larger
    half        one side of && or || counts for nothing
    error       another error number
    goto        another label
    order       an acquire or a release is only relaxed
"""
import collections
import json
import re
import subprocess

# Every compiled file begins with this.  VQP_FAULT is the number of the active
# fault.  VQP_FAULT_SEEN names a file with one byte for each fault; the program
# sets the byte when it reaches the fault.
SWITCH = """
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
__attribute__((weak)) int vqp_fault_on;
__attribute__((weak)) volatile char *vqp_fault_seen;
__attribute__((constructor, unused, no_sanitize("thread"))) static void
vqp_fault_choose(void)
{
	const char *on = getenv("VQP_FAULT");
	const char *seen = getenv("VQP_FAULT_SEEN");
	void *map;
	int fd;

	vqp_fault_on = on != 0 ? atoi(on) : 0;
	if (seen == 0 || vqp_fault_seen != 0 || (fd = open(seen, O_RDWR)) < 0)
		return;
	map = mmap(0, %d, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		vqp_fault_seen = map;
}
static inline __attribute__((unused, no_sanitize("thread"))) int
vqp_fault(int number)
{
	if (vqp_fault_seen != 0)
		vqp_fault_seen[number] = 1;
	return vqp_fault_on == number;
}
#define VQP_FAULT(n) vqp_fault(n)
"""
FAULTS_MAX = 1 << 16

# The argument of this macro is a place like any other code.
TRANSPARENT = "VQP_LIKELY"

ERRORS = ("VQP_ERROR_INVALID_ARGS", "VQP_ERROR_NO_MEM")
ERROR_NAMES = ("VQP_ERROR_", "VMCI_ERROR_")
WEAKER = {"vqp_load_acquire": "vqp_load_relaxed",
          "vqp_store_release": "vqp_store_relaxed"}
# The program evaluates none of the expressions in these at run time.
CONSTANT = {"ConstantExpr", "EnumConstantDecl", "StaticAssertDecl",
            "UnaryExprOrTypeTraitExpr", "OffsetOfExpr", "FieldDecl"}

Fault = collections.namedtuple("Fault", "file line function operator text")


class Site:
    """A place where a fault is inserted: {n} in `before` becomes its number."""

    def __init__(self, start, end, operator, before, after=""):
        self.start, self.end, self.operator = start, end, operator
        self.before, self.after = before, after


class Reader:
    """Walks clang's tree of one source file, and keeps the places that lie in
    other wanted files, too.
    """

    def __init__(self, texts):
        self.texts = texts      # of each wanted file
        self.file = None
        self.sites = collections.defaultdict(list)
        self.spans = collections.defaultdict(list)  # of functions
        self.done = set()       # functions already read
        self.labels = []

    def place(self, location):
        """Record the current place: clang names a file only when it differs
        from the last one that it printed.
        """
        for part in ("spellingLoc", "expansionLoc"):
            if "file" in location.get(part, ()):
                self.file = location[part]["file"]
        if "file" in location:
            self.file = location["file"]

    def token(self, location):
        """Offset and end of a token; for a macro, of its use."""
        macro = location.get("expansionLoc")
        if macro is None:
            return (location["offset"],
                    location["offset"] + location["tokLen"])
        text = self.texts[self.file]
        start, end = macro["offset"], macro["offset"] + macro["tokLen"]
        spelt = location["spellingLoc"]
        if "isMacroArgExpansion" in macro and \
                text[start:].startswith(TRANSPARENT + "(") and \
                spelt.get("file", self.file) == self.file:
            return spelt["offset"], spelt["offset"] + spelt["tokLen"]
        if not text[end:].startswith("("):
            return start, end
        depth = 0
        while True:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
            if depth == 0:
                return start, end

    def outside(self, node):
        """First and last byte, or None if a macro other than TRANSPARENT()
        made all of it.
        """
        span = node.get("range", {})
        if self.file not in self.texts or not span.get("begin") or \
                not span.get("end"):
            return None
        begin, end = self.token(span["begin"]), self.token(span["end"])
        inside = "expansionLoc" in span["begin"] and \
            "expansionLoc" in span["end"] and begin == end
        if inside and not self.texts[self.file][begin[0]:].startswith(
                TRANSPARENT + "("):
            return None
        return begin[0], end[1]

    def read(self, node, function=None, inert=False):
        kind = node.get("kind")
        if "loc" in node:
            self.place(node["loc"])
        span = node.get("range", {})
        self.place(span.get("begin", {}))
        file = self.file
        self.place(span.get("end", {}))
        whole = self.outside(node)
        if kind == "FunctionDecl":
            function = None
            key = (file, node.get("name"))
            body = any(child.get("kind") == "CompoundStmt"
                       for child in node.get("inner", ()))
            if file in self.texts and body and whole and \
                    key not in self.done:
                self.done.add(key)
                function = (file, node)
                self.spans[file].append((whole, node["name"]))
                self.labels = labels_of(node)
        inert = inert or kind in CONSTANT or (
            kind == "VarDecl" and node.get("storageClass") == "static")
        if function and not inert and whole:
            for site in self.plant(node, whole):
                self.sites[file].append(site)
        for child in node.get("inner", ()):
            self.read(child, function,
                      inert or (kind == "CallExpr" and builtin(node)))

    def plant(self, node, whole):
        kind, inner = node["kind"], node.get("inner", [])
        start, end = whole
        if kind == "CompoundStmt":
            for child in inner:
                yield from self.statement(child)
        elif kind in ("IfStmt", "WhileStmt", "ForStmt", "DoStmt",
                      "ConditionalOperator"):
            yield from self.condition(node)
        elif kind == "BinaryOperator":
            yield from self.binary(node)
        elif kind == "IntegerLiteral":
            yield Site(start, end, "number", "(", " + VQP_FAULT({n}))")
        elif kind == "DeclRefExpr":
            name = node["referencedDecl"]["name"]
            if node["referencedDecl"]["kind"] == "EnumConstantDecl" and \
                    name.startswith(ERROR_NAMES):
                other = ERRORS[name.endswith("_INVALID_ARGS")]
                yield Site(start, end, "error",
                           "(VQP_FAULT({n}) ? (int)%s : (int)" % other, ")")
            elif name in WEAKER:
                yield Site(start, end, "order",
                           "(VQP_FAULT({n}) ? %s : " % WEAKER[name], ")")
        elif kind == "UnaryOperator" and node["opcode"] == "-" and \
                re.fullmatch("-E[A-Z]+", self.texts[self.file][start:end]):
            yield Site(start, end, "error",
                       "(VQP_FAULT({n}) ? -EDOM : ", ")")
        elif kind == "GotoStmt":
            here = node["targetLabelDeclId"]
            others = [name for number, name in self.labels if number != here]
            if others:
                yield Site(start, end, "goto",
                           "if (VQP_FAULT({n})) goto %s; else " % others[0])
        if kind in ("IfStmt", "WhileStmt", "CaseStmt", "DefaultStmt",
                    "LabelStmt"):
            for child in inner[kind != "LabelStmt" and
                               kind != "DefaultStmt":]:
                yield from self.statement(child)
        if kind in ("ForStmt", "DoStmt"):
            yield from self.statement(inner[-1 if kind == "ForStmt" else 0])

    def statement(self, node):
        """A call, an assignment, a step: everything except declarations and
        jumps.
        """
        kind = node.get("kind")
        if kind == "BinaryOperator" and node["opcode"] != "=":
            return
        if kind == "ReturnStmt" and node.get("inner"):
            return
        if kind not in ("CallExpr", "BinaryOperator", "UnaryOperator",
                        "CompoundAssignOperator", "BreakStmt", "ContinueStmt",
                        "ReturnStmt"):
            return
        span = self.outside(node)
        if span:
            yield Site(span[0], span[1], "drop",
                       "if (VQP_FAULT({n})) {{}} else ")

    def condition(self, node):
        inner = node["inner"]
        place = {"IfStmt": 0, "WhileStmt": 0, "ForStmt": 2, "DoStmt": 1,
                 "ConditionalOperator": 0}[node["kind"]]
        span = self.outside(inner[place]) if place < len(inner) and \
            inner[place].get("kind") else None
        if span:
            yield Site(span[0], span[1], "negate", "(VQP_FAULT({n}) ^ !!(",
                       "))")
            if node["kind"] == "IfStmt" and len(inner) == 2:
                yield Site(span[0], span[1], "never", "(!VQP_FAULT({n}) && (",
                           "))")

    def binary(self, node):
        left, right = node["inner"]
        sides = self.outside(left), self.outside(right)
        if not all(sides):
            return
        opcode = node["opcode"]
        if opcode in ("<", "<=", ">", ">="):
            at = sides[opcode in ("<", ">=")]
            yield Site(at[0], at[1], "bound", "((", ") + VQP_FAULT({n}))")
        elif opcode == "&&":
            for at in sides:
                yield Site(at[0], at[1], "half", "(VQP_FAULT({n}) || (", "))")
        elif opcode == "||":
            for at in sides:
                yield Site(at[0], at[1], "half", "(!VQP_FAULT({n}) && (",
                           "))")


def labels_of(node):
    """The number and name of each label of a function."""
    found = []
    if node.get("kind") == "LabelStmt":
        found.append((node.get("declId"), node["name"]))
    for child in node.get("inner", ()):
        found += labels_of(child)
    return found


def builtin(node):
    """True if this calls a function of the compiler."""
    at = node
    while at.get("inner"):
        at = at["inner"][0]
    name = at.get("referencedDecl", {}).get("name", "")
    return name.startswith("__builtin") and "mem" not in name and \
        name != "__builtin_expect"


def tree(source, flags):
    """clang's tree of a file."""
    text = subprocess.run(
        ["clang", "-std=c11", "-fsyntax-only", "-w", "-Xclang",
         "-ast-dump=json", *flags, source], check=True,
        stdout=subprocess.PIPE, text=True).stdout
    # -ast-dump-filter prints several trees in a row.
    trees, at = [], 0
    while at < len(text):
        one, at = json.JSONDecoder().raw_decode(text, at)
        trees.append(one)
        at = re.compile(r"\s*").match(text, at).end()
    return {"kind": "TranslationUnitDecl", "inner": trees}


def sites(source, flags, texts):
    """The Sites of each file of `texts` that `source` is or includes, and the
    lines of their functions.
    """
    reader = Reader(texts)
    reader.read(tree(source, flags))
    return reader.sites, reader.spans


def rewrite(text, numbered):
    """Returns `text` with the sites inserted; numbered: (number, Site)."""
    inserts = []
    for number, site in numbered:
        width = site.end - site.start
        inserts.append((site.start, 1, -width, number,
                        site.before.format(n=number)))
        inserts.append((site.end, 0, width, -number,
                        site.after.format(n=number)))
    parts, at = [], 0
    for offset, _, _, _, what in sorted(inserts, key=lambda one: one[:4]):
        parts += [text[at:offset], what]
        at = offset
    parts.append(text[at:])
    return "".join(parts)


def described(path, text, site, spans):
    """Describes a Fault for people, and so that it can be found in later
    trees.
    """
    line = text.count("\n", 0, site.start) + 1
    function = next((name for (start, end), name in spans
                     if start <= site.start < end), "")
    what = re.sub(r"\s+", " ", text[site.start:site.end])
    return Fault(str(path), line, function, site.operator, what)
