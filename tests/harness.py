"""A real server on a folder of its own, for tests: start, stop, kill, and the command line on it."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("LAZURITE_BINARY", ROOT / "build" / "lazurite"))


def clean_environment(extra=None):
    """Ours without LAZURITE_*, MLFLOW_* and AZURE*: a test sees only what it sets."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LAZURITE_", "MLFLOW_", "AZURE", "ARM_"))}
    kept["LAZURITE_CONFIG_DIR"] = "/nonexistent"  # nothing of the person who runs the tests
    kept.update(extra or {})
    return kept


class Server:
    """`lazurite serve` on loopback with ports of its own choice.

    folder: the data folder, made under TMPDIR when None and removed by close().
    """

    def __init__(self, folder=None, environment=None, arguments=()):
        self.own = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="lz-"))
        self.environment = environment or {}
        self.arguments = list(arguments)
        self.process = None
        self.log = None
        self.ready_ms = None

    def start(self, timeout=30):
        """Starts and waits for the line `ready …`; raises with the server's log when it does not come."""
        command = [str(BINARY), "serve", "--data-dir", str(self.folder), "--listen", "127.0.0.1:0",
                   "--plain-listen", "127.0.0.1:0", "--scoring-listen", "127.0.0.1:0", *self.arguments]
        self.log = open(self.folder.parent / (self.folder.name + ".log"), "ab")
        begun = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        env=clean_environment(self.environment))
        line = self.process.stdout.readline()
        self.ready_ms = (time.monotonic() - begun) * 1000
        if not line.startswith("ready "):
            self.process.wait(timeout)
            raise RuntimeError(f"no ready line but {line!r}\n{self.log_text()}")
        return self

    def log_text(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def cli(self, *arguments, check=True, timeout=120, stdin=None, cwd=None, environment=None):
        """Runs the command line on this folder; the finished process with text streams."""
        done = subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                              input=stdin, cwd=cwd,
                              env=clean_environment({"LAZURITE_HOME": str(self.folder), **(environment or {})}))
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def json(self, *arguments, **options):
        """The command's result as JSON."""
        return json.loads(self.cli(*arguments, "-o", "json", **options).stdout)

    def connect(self):
        return self.json("connect")

    def kill(self):
        """kill -9 of the server alone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout=40):
        """SIGTERM; the exit code."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout) if self.process else 0

    def close(self):
        """Ends server, gateway and replicas, and removes the folder when it is ours."""
        if self.process and self.process.poll() is None:
            self.cli("stop", "--jobs", check=False, timeout=60)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        else:
            self.cli("stop", "--jobs", check=False, timeout=60)
        if self.own:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self.log:
            self.log.close()
            if self.own:
                pathlib.Path(self.log.name).unlink(missing_ok=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


def wait_for(question, seconds=30, every=0.05):
    """The first true answer, or an assertion when the time is up."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(every)
