"""Writes a file as a C string: embed.py NAME INPUT OUTPUT. For texts that the executable carries."""

import sys

name, source, target = sys.argv[1:]
with open(source, "rb") as file:
    lines = file.read().splitlines(keepends=True)


def quoted(line):
    return "".join(
        chr(b) if 32 <= b < 127 and b not in b'"\\?' else f"\\{b:03o}" for b in line
    )


with open(target, "w", encoding="ascii") as out:
    out.write(f"extern const char {name}[];\nconst char {name}[] =\n")
    out.writelines(f'    "{quoted(line)}"\n' for line in lines)
    out.write("    ;\n")
