"""How much memory a chapter's kernel takes: ``python -m experiments.benchmark_memory [number ...]``.

Each chapter (the epilogue is number 5) is run from top to bottom in a kernel of its own, whose memory is
read twenty times a second. Printed are the peak of what it holds (RSS), of its share where pages are shared
with other kernels (PSS), and the cells where the peak rose most. It takes some minutes for each chapter.
"""

import argparse
import threading
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient

CHAPTERS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
MB = 2**20


class Watch:
    """Reads a kernel's memory until it ends."""

    def __init__(self):
        self.cell, self.rss, self.pss, self.peaks = "start", 0, 0, {}
        self.done = threading.Event()

    def start(self, client: NotebookClient) -> None:
        """Begin, in a thread, with the client's kernel."""
        kernel = psutil.Process(client.km.provisioner.process.pid)
        threading.Thread(target=self._read, args=(kernel,), daemon=True).start()

    def _read(self, kernel):
        while not self.done.wait(0.05):
            try:
                memory = kernel.memory_full_info()
            except psutil.NoSuchProcess:
                return
            self.peaks[self.cell] = max(self.peaks.get(self.cell, 0), memory.rss)
            self.rss, self.pss = max(self.rss, memory.rss), max(self.pss, getattr(memory, "pss", 0))


def measure(path: Path) -> Watch:
    """Run a chapter and return what was read of its memory."""
    notebook, watch = nbformat.read(path, as_version=4), Watch()
    client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(path.parent)}})
    client.on_notebook_start = lambda **_: watch.start(client)
    client.on_cell_execute = lambda cell, **_: setattr(watch, "cell", cell.id)
    try:
        client.execute()
    finally:
        watch.done.set()
    return watch


def main() -> None:
    """Print the memory of the chapters named, or of all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("chapters", type=int, nargs="*", default=range(1, len(CHAPTERS) + 1))
    for number in parser.parse_args().chapters:
        watch = measure(CHAPTERS[number - 1])
        print(f"{CHAPTERS[number - 1].stem}: at most {watch.rss / MB:.0f} MB, PSS {watch.pss / MB:.0f} MB")
        before = 0
        for cell, peak in watch.peaks.items():
            if peak > before:
                print(f"  {cell:24} {peak / MB:5.0f} MB")
                before = peak


if __name__ == "__main__":
    main()
