"""A folder that goes with the test. Its name begins with "mlnode-scratch-" below the temporary folder, and it is locked while its owner
lives; the first one of a process removes those whose owner was killed. The rule of src/core/testing/temp_dir.h."""
import fcntl, os, pathlib, shutil, tempfile, time, weakref

PREFIX = "mlnode-scratch-"
YOUNG_SECONDS = 60  # its owner may not have come to lock it
swept = set()


def lock(folder):
    """a descriptor that holds the folder's lock; None when another has it or the folder is gone"""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return fd
    except OSError:
        os.close(fd)
        return None


def remove(folder, fd):
    shutil.rmtree(folder, ignore_errors=True)
    os.close(fd)


def remove_abandoned(parent):
    for folder in pathlib.Path(parent).glob(PREFIX + "*"):
        try:
            young = time.time() - folder.stat().st_mtime < YOUNG_SECONDS
        except FileNotFoundError:  # another sweeps too
            continue
        fd = None if young else lock(folder)
        if fd is not None:
            remove(folder, fd)


class Scratch:
    """removed by remove(), at the end of a with block, or when the process ends"""

    def __init__(self):
        parent = tempfile.gettempdir()
        if parent not in swept:
            swept.add(parent)
            remove_abandoned(parent)
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
        self.remove = weakref.finalize(self, remove, self.path, lock(self.path))

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        self.remove()
