"""What `lazurite connect` prints for the SDK, tried out as it is printed."""
import os
import subprocess
import sys
import textwrap

from harness import BINARY, clean_environment


def section(text, title):
    """The lines below a title, up to the next one."""
    lines = text.splitlines()
    start = lines.index(title) + 1
    end = next((i for i in range(start, len(lines)) if lines[i] and not lines[i].startswith(" ")), len(lines))
    return textwrap.dedent("\n".join(lines[start:end]))


def test_the_lines_for_the_sdk_work_as_printed(server, tmp_path):
    printed = section(server.cli("connect").stdout, "Azure ML SDK")
    exports = "\n".join(line for line in printed.splitlines() if line.startswith("export "))
    program = "\n".join(line for line in printed.splitlines() if not line.startswith("export "))
    (tmp_path / "try.py").write_text(program + "\nprint(client.workspaces.get().name, client.datastores.get_default().name)\n")
    environment = clean_environment()
    (tmp_path / "lazurite").symlink_to(BINARY)
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    environment.pop("REQUESTS_CA_BUNDLE", None)
    done = subprocess.run(["bash", "-c", f"{exports}\n'{sys.executable}' '{tmp_path}/try.py'"], capture_output=True,
                          text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["default", "workspaceblobstore"]
