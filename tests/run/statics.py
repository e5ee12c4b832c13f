# SPDX-License-Identifier: Apache-2.0
"""Checks on the tree and the build that need no running: format, sizes, layers, house rules.

Each function raises Failure with the first offenders named; the whole list goes to the test's folder."""

import glob
import os
import re
import subprocess
import sys

from lab import paths

from .context import Failure

LINES_MOST = 27000
FUNCTION_MOST = 100
IMAGE_MOST = 700 * 1024

# Layers of the hypervisor, lowest first. A file may include its own layer's headers and those below. Contracts stand beside
# all layers, and every file may include them: the one with the architecture (arch/arch.h and its <asm/...> twins), the
# two central objects, the options (declared beside what they steer), and what the loader told us.
LAYERS = ["lib", "mm", "time", "sched", "core", "hypercall", "arch", "boot"]
SAME_HEIGHT = {"time": "sched"}
CONTRACTS = {"arch/arch.h", "core/domain.h", "boot/param.h", "boot/boot.h", "boot/memmap.h"}


def _sources(*patterns):
    found = []
    for pattern in patterns:
        found += glob.glob(os.path.join(paths.TOP, pattern), recursive=True)
    return sorted(path for path in found if not path.startswith(paths.BUILD))


def _verdict(context, offenders, what):
    if offenders:
        with open(os.path.join(context.folder, "offenders"), "w", encoding="utf-8") as f:
            f.write("\n".join(offenders) + "\n")
        raise Failure(f"{len(offenders)} {what}: " + "; ".join(offenders[:4]))


def _short(path):
    return os.path.relpath(path, paths.TOP)


def code_format(context):
    """C sources are as clang-format writes them."""
    sources = _sources("hypervisor/**/*.[ch]", "toolstack/**/*.[ch]", "tests/**/*.[ch]")
    bad = []
    for path in sources:
        done = subprocess.run(["clang-format", "--dry-run", "-Werror", path], capture_output=True, check=False)
        if done.returncode:
            bad.append(_short(path))
    _verdict(context, bad, "files not in the house format")
    return f"{len(sources)} files"


def function_length(context):
    """No function is longer than 100 lines."""
    sources = _sources("hypervisor/**/*.c", "toolstack/**/*.c", "hypervisor/**/*.h", "toolstack/**/*.h",
                       "tests/**/*.c")
    tags = subprocess.run(["ctags", "--languages=C", "--langmap=C:.c.h", "--c-kinds=f", "--fields=+ne", "-f", "-",
                           "-L", "-"], input="\n".join(sources), capture_output=True, text=True, check=True).stdout
    bad, total, longest = [], 0, 0
    for tag in tags.splitlines():
        line, end = re.search(r"\bline:(\d+)", tag), re.search(r"\bend:(\d+)", tag)
        if not (line and end):
            continue
        length = int(end.group(1)) - int(line.group(1)) + 1
        total, longest = total + 1, max(longest, length)
        if length > FUNCTION_MOST:
            name, path = tag.split("\t")[:2]
            bad.append(f"{_short(path)}:{line.group(1)} {name} has {length}")
    _verdict(context, bad, f"functions over {FUNCTION_MOST} lines")
    return f"{total} functions, longest {longest}"


def _without_comments(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    token = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', re.S)
    return token.sub(lambda m: m.group(0) if m.group(0)[0] in "\"'" else "\n" * m.group(0).count("\n"), text)


def code_lines(path):
    """Lines of a C or assembly file that hold code: neither blank nor only comment."""
    return sum(1 for line in _without_comments(path).splitlines() if line.strip())


def line_budget(_context):
    """The hypervisor's code, comments and blanks aside, is under 27,000 lines."""
    sources = [path for path in _sources("hypervisor/**/*.[chS]") if "/arch/host/" not in path]
    lines = {path: code_lines(path) for path in sources}
    total = sum(lines.values())
    hvm = sum(n for path, n in lines.items() if "/hvm/" in path)
    if total >= LINES_MOST:
        raise Failure(f"{total} lines of code; they must be under {LINES_MOST}")
    return f"{total} lines of code, {hvm} of them in arch/x86/hvm"


def image_size(context):
    """The hypervisor's image without symbols is at most 700 KB."""
    stripped = os.path.join(context.folder, "stripped")
    try:
        source = paths.orlop()
    except paths.LabError as error:
        raise Failure(str(error)) from None
    subprocess.run(["objcopy", "--strip-all", source, stripped], check=True)
    size = os.path.getsize(stripped)
    os.unlink(stripped)
    if size > IMAGE_MOST:
        raise Failure(f"{size} bytes, {IMAGE_MOST} are the most")
    return f"{size} bytes"


def layering(context):
    """A file of the hypervisor includes only what stands on its layer or below."""
    bad, total = [], 0
    for path in _sources("hypervisor/**/*.[chS]"):
        layer = _short(path).split(os.sep)[1]
        if layer == "hidden.h":
            continue
        if layer not in LAYERS:
            bad.append(f"{_short(path)}: in no layer")
            continue
        with open(path, encoding="utf-8") as f:
            included = re.findall(r'^\s*#\s*include\s+[<"]([\w./-]+)[>"]', f.read(), re.M)
        for header in included:
            used = header.split("/")[0]
            if used not in LAYERS or header in CONTRACTS:
                continue
            total += 1
            height = LAYERS.index(used)
            if SAME_HEIGHT.get(layer) == used or height <= LAYERS.index(layer):
                continue
            bad.append(f"{_short(path)} includes <{header}>")
    _verdict(context, bad, "uses of a higher layer")
    return f"{total} uses of another file of the tree"


def house_rules(context):
    """Every source opens with its licence and a paragraph; no marks of unfinished work."""
    unfinished = re.compile(r"\b(TODO|FIX" r"ME|XXX|HACK)\b")
    bad = []
    for path in _sources("hypervisor/**/*.[chS]", "toolstack/**/*.[ch]", "tests/**/*.[chS]", "scripts/**/*.py",
                         "tests/**/*.py", "scripts/*.sh"):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.split("\n")[:3]):
            bad.append(f"{_short(path)}: no licence line at the top")
        for number, line in enumerate(text.split("\n"), 1):
            if unfinished.search(line) and "unfinished" not in line:
                bad.append(f"{_short(path)}:{number}: {line.strip()[:60]}")
    _verdict(context, bad, "offences")


def abi_docs(context):
    """docs/abi/hypercalls.md is what scripts/build/abi-docs.py makes of the sources."""
    done = subprocess.run([sys.executable, os.path.join(paths.TOP, "scripts/build/abi-docs.py"), "--check"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(done.stderr.strip())


GUIDES = ["docs/tour.md", "docs/pv-memory.md", "docs/locks.md", "docs/emulator.md"]


def tour_names(context):
    """Every file that the guides through the code name, and every name in backquotes there, is in the tree."""
    files = [_short(path) for path in _sources("**/*.*")]
    words = set()
    for path in _sources("hypervisor/**/*.[chS]", "toolstack/**/*.[ch]", "tests/**/*.[chS]"):
        words.update(re.findall(r"\w+", _without_comments(path)))
    bad, total = [], 0
    for guide in GUIDES:
        with open(os.path.join(paths.TOP, guide), encoding="utf-8") as f:
            text = f.read()
        prose = re.sub(r"```.*?```", "", text, flags=re.S)
        named = re.findall(r"[\w/.-]+\.(?:c|h|S|py|md)\b", text)
        total += len(named)
        bad += [f"{guide}: no file {name}" for name in named
                if not any(("/" + path).endswith("/" + name) for path in files)]
        for quoted in re.findall(r"`([^`]+)`", prose):
            if "/" in quoted or "=" in quoted or quoted in named:  # a path, an option, a file
                continue
            names = re.findall(r"[A-Za-z_]\w+", quoted)
            total += len(names)
            bad += [f"{guide}: no {name}" for name in names if name not in words]
    _verdict(context, bad, "names that are not in the tree")
    return f"{total} names"


TESTS = {
    "format": code_format,
    "functions-length": function_length,
    "lines-budget": line_budget,
    "image-size": image_size,
    "layering": layering,
    "house-rules": house_rules,
    "abi-docs": abi_docs,
    "tour-names": tour_names,
}
