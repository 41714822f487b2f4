"""An mlnode process for tests: started on a free port with a data folder of its own, stopped as an operator would."""
import pathlib, re, shutil, signal, subprocess, tempfile, threading, time


class NodeProcess:
    def __init__(self, binary, *flags, data=None):
        self.binary, self.flags = str(binary), list(flags)
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="mlnode-test-"))
        self.own = data is None
        self.process, self.lines, self.url = None, [], None

    def start(self, timeout=60):
        self.process = subprocess.Popen([self.binary, "serve", "--port", "0", "--data", str(self.data), *self.flags],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        listening = threading.Event()

        def read(pipe):
            for line in pipe:
                self.lines.append(line.rstrip("\n"))
                match = re.search(r"listening on (http://\S+?)[,\s]", line + " ")
                if match:
                    self.url = match.group(1)
                    listening.set()
            listening.set()

        threading.Thread(target=read, args=(self.process.stdout,), daemon=True).start()
        if not listening.wait(timeout) or not self.url:
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
            if self.process and self.process.poll() is None:
                self.process.kill()
            if kind:
                print("\n".join(self.lines[-40:]))
            if self.own:
                shutil.rmtree(self.data, ignore_errors=True)
