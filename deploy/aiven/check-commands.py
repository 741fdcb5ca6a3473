#!/usr/bin/env python3
"""Checks the commands in README.md without an account: nothing is run, nothing is sent.

Every avn command goes through the parser of the installed client (pip install aiven-client), and
every block through the shells for which it is meant: `bash`, `fish`, or both for `sh`. Exits with 1
if anything is refused.
"""

import contextlib
import io
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

from aiven.client.cli import AivenCLI

README = pathlib.Path(__file__).with_name("README.md")
SHELLS = {"bash": ["bash"], "fish": ["fish"], "sh": ["bash", "fish"]}


def blocks(text):
    """Language and content of each fenced block."""
    return re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text):
    """Every avn command: in a line of a block, in a command substitution, and in running text."""
    found = []
    for language, block in blocks(text):
        if language in SHELLS:
            for line in block.splitlines():
                # Command substitutions, whether $(…) or (…), stand in no other brackets here.
                found += re.findall(r"\((avn [^|)]*)", line)
                if line.startswith("avn "):
                    found.append(line)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`([^`]+)`", prose):
        code = " ".join(code.split())
        # `avn` alone is the program's name.
        if code.startswith("avn "):
            found.append(code)
    return found


def refusal(parser, command):
    """Why the client does not take the command, or None."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            arguments = parser.parse_args(shlex.split(command)[1:])
    except SystemExit:
        return said.getvalue().strip().splitlines()[-1]
    return None if hasattr(arguments, "func") else "no such command"


def main():
    text = README.read_text(encoding="utf-8")
    client = AivenCLI()
    # It knows no commands before; its own main does the same.
    client.extend_commands(client)
    failures = []

    found = commands(text)
    for command in found:
        why = refusal(client.parser, command)
        if why:
            failures.append(f"{command}\n    {why}")

    checked = 0
    for language, block in blocks(text):
        for shell in SHELLS.get(language, []):
            if not shutil.which(shell):
                print(f"{shell} is not installed: its blocks are not checked", file=sys.stderr)
                continue
            result = subprocess.run([shell, "-n"], input=block, capture_output=True, text=True)
            checked += 1
            if result.returncode:
                failures.append(f"{shell}: {result.stderr.strip()}\n{block}")

    print(f"{len(found)} avn commands, {checked} blocks, {len(failures)} refused")
    for failure in failures:
        print(failure)
    return 1 if failures or not found else 0


if __name__ == "__main__":
    sys.exit(main())
