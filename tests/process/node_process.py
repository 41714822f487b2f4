"""An mlnode process for tests: started on a free port with a data folder of its own, stopped as an operator would. Neither outlives the
test, however that ends."""
import pathlib, re, signal, subprocess, sys, threading, weakref

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from scratch import Scratch


def end(process):
    if process.poll() is None:
        process.kill()
        process.wait()


class NodeProcess:
    def __init__(self, binary, *flags, data=None):
        self.binary, self.flags = str(binary), list(flags)
        self.scratch = None if data else Scratch()
        self.data = pathlib.Path(data) if data else self.scratch.path
        self.process, self.lines, self.url = None, [], None

    def command(self):
        return [self.binary, "serve", "--port", "0", "--data", str(self.data), *self.flags]

    def start(self, timeout=60):
        self.launch()
        return self.await_listening(timeout)

    def launch(self, environment=None):
        # setpriv: the node goes also with a test that is killed and can end nothing itself, and with the thread that calls this
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self.command()], env=environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        weakref.finalize(self, end, self.process)
        self.listening, self.url = threading.Event(), None
        threading.Thread(target=self.read, args=(self.process.stdout, self.listening), daemon=True).start()

    def read(self, pipe, listening):
        for line in pipe:
            self.lines.append(line.rstrip("\n"))
            match = re.search(r"listening on (http://\S+?)[,\s]", line + " ")
            if match:
                self.url = match.group(1)
                listening.set()
        listening.set()

    def await_listening(self, timeout=60):
        if not self.listening.wait(timeout) or not self.url:
            raise RuntimeError("mlnode did not start:\n" + "\n".join(self.lines[-40:]))
        return self

    def kill(self):
        """as a power cut: no handler runs"""
        self.process.kill()
        self.process.wait()
        self.url = None

    def stop(self, timeout=60):
        """SIGTERM; the exit status must be 0"""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            code = self.process.wait(timeout)
            if code != 0:
                raise RuntimeError(f"mlnode ended with {code}:\n" + "\n".join(self.lines[-40:]))
        self.url = None

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        try:
            self.stop()
        finally:
            if self.process:
                end(self.process)
            if kind:
                print("\n".join(self.lines[-40:]))
            if self.scratch:
                self.scratch.remove()
